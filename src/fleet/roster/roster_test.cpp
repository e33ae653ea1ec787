#include "fleet/roster/roster.h"

#include <gtest/gtest.h>

namespace mw::roster {
namespace {

Resource resource(const char* kind, const char* name, const char* spec, const char* status = "{}") {
    Resource r;
    r.kind = kind;
    r.name = name;
    r.spec = *parse_json(spec);
    r.status = *parse_json(status);
    return r;
}

void add(ByName& shelf, Resource r) { shelf[r.name] = std::move(r); }

TEST(SiteOfAnAsset, is_its_own_or_the_nearest_parents) {
    ByName assets;
    add(assets, resource("Asset", "line", R"({"site":"north"})"));
    add(assets, resource("Asset", "cell", R"({"parent":"line"})"));
    add(assets, resource("Asset", "pump", R"({"parent":"cell"})"));
    add(assets, resource("Asset", "a", R"({"parent":"b"})"));
    add(assets, resource("Asset", "b", R"({"parent":"a"})"));
    EXPECT_EQ(site_of(assets, "pump"), "north");
    EXPECT_EQ(site_of(assets, "nowhere"), "");
    EXPECT_EQ(site_of(assets, "a"), "") << "a loop of parents ends";
}

TEST(Products, labels_become_devices) {
    Resources all;
    Resource first = resource("Device", "gw-1", "{}");
    first.labels["line"] = "a";
    add(all.devices, first);
    add(all.devices, resource("Device", "gw-2", "{}"));
    add(all.products, resource("DataProduct", "line-a", R"({"select":{"labels":{"line":"a"}}})"));
    add(all.products, resource("DataProduct", "every", R"({})"));
    const auto products = products_of(all);
    ASSERT_EQ(products->size(), 2u);
    EXPECT_FALSE(products->at(0).devices);
    EXPECT_EQ(*products->at(1).devices, std::vector<std::string>{"gw-1"});
}

TEST(AdmissionsOfDevices, leave_out_suspended_ones_and_name_certificates) {
    Resources all;
    add(all.devices, resource("Device", "gw-1", R"({"parent":"gw-0"})",
                              R"({"state":"active","certificate":{"fingerprint":"aa"}})"));
    add(all.devices, resource("Device", "gw-2", "{}", R"({"state":"suspended"})"));
    const auto admissions = admissions_of(all);
    ASSERT_EQ(admissions->size(), 1u);
    EXPECT_EQ(admissions->at("gw-1").fingerprints, std::set<std::string>{"aa"});
    EXPECT_EQ(admissions->at("gw-1").parent, "gw-0");
}

TEST(Facts, come_from_profile_and_asset) {
    Resources all;
    add(all.assets, resource("Asset", "pump", R"({"site":"north"})"));
    add(all.profiles,
        resource("DeviceProfile", "pump", R"({"signals":[{"name":"flow","min":0,"max":100}]})"));
    const auto facts =
        facts_of(all, resource("Device", "gw-1", R"({"profile":"pump","asset":"pump"})"));
    EXPECT_EQ(facts.site, "north");
    ASSERT_TRUE(facts.rules);
    EXPECT_EQ(facts.rules->signals.at("flow").max, 100);
    EXPECT_FALSE(facts_of(all, resource("Device", "gw-2", R"({"profile":"gone"})")).rules);
}

}  // namespace
}  // namespace mw::roster
