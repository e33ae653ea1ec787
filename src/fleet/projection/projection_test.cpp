#include "fleet/projection/projection.h"

#include <gtest/gtest.h>

namespace mw::projection {
namespace {

Resource resource(const char* kind, const char* name, const char* spec) {
    Resource r;
    r.kind = kind;
    r.name = name;
    r.spec = *parse_json(spec);
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

TEST(ParentsOfDevices, name_only_those_that_have_one) {
    Resources all;
    add(all.devices, resource("Device", "gw-1", "{}"));
    add(all.devices, resource("Device", "sensor", R"({"parent":"gw-1"})"));
    EXPECT_EQ(*parents_of(all), (Parents{{"sensor", "gw-1"}}));
}

TEST(EdgeNodesOfDevices, have_one_owner_an_address_the_oldest) {
    Resources all;
    const auto device = [&](const char* name, std::int64_t created, const char* spec) {
        Resource made = resource("Device", name, spec);
        made.created = {created};
        add(all.devices, made);
    };
    device("gw-1", 7, R"({"sparkplug":{"group":"plant","node":"line"}})");
    device("gw-2", 5, R"({"sparkplug":{"group":"plant","node":"line"}})");
    device("gw-3", 6, R"({"sparkplug":{"group":"plant","node":"line"}})");
    device("gw-4", 9, R"({"sparkplug":{"group":"plant","node":"other"}})");
    device("pump", 9, R"({"sparkplug":{"group":"plant","node":"line","device":"p1"}})");
    device("plain", 1, R"({})");
    const EdgeNodes nodes = edge_nodes_of(all);
    EXPECT_EQ(*nodes.addresses, (sparkplug::Addresses{{"gw-2", {"plant", "line", ""}},
                                                      {"gw-4", {"plant", "other", ""}},
                                                      {"pump", {"plant", "line", "p1"}}}));
    EXPECT_EQ(nodes.refused, (std::vector<std::string>{"gw-1", "gw-3"}));
}

TEST(Facts, come_from_profile_and_asset) {
    Resources all;
    add(all.assets, resource("Asset", "pump", R"({"site":"north"})"));
    add(all.profiles,
        resource("DeviceProfile", "pump", R"({"signals":[{"name":"flow","min":0,"max":100}]})"));
    ProfileRules rules;
    const auto facts =
        facts_of(all, resource("Device", "gw-1", R"({"profile":"pump","asset":"pump"})"), rules);
    EXPECT_EQ(facts.site, "north");
    ASSERT_TRUE(facts.rules);
    EXPECT_EQ(facts.rules->signals.at("flow").max, 100);
    EXPECT_FALSE(facts_of(all, resource("Device", "gw-2", R"({"profile":"gone"})"), rules).rules);
}

TEST(ProjectionView, devices_share_the_rules_of_their_profile_until_it_changes) {
    Resource profile =
        resource("DeviceProfile", "pump", R"({"signals":[{"name":"flow","min":0,"max":100}]})");
    profile.generation = 1;
    ProfileRules rules;
    const auto first = rules.of(profile);
    ++profile.revision;  // its status moved
    EXPECT_EQ(rules.of(profile), first);
    profile.generation = 2;
    profile.spec = *parse_json(R"({"signals":[{"name":"flow","min":0,"max":7}]})");
    const auto second = rules.of(profile);
    EXPECT_EQ(second->signals.at("flow").max, 7);
    // Deleted and made again: its generations begin anew.
    profile.created = {5};
    profile.spec = *parse_json(R"({"signals":[{"name":"flow","min":0,"max":8}]})");
    EXPECT_EQ(rules.of(profile)->signals.at("flow").max, 8);
    rules.keep_only({});
    EXPECT_NE(rules.of(profile), nullptr);
    profile.generation = 3;
    profile.spec = *parse_json(R"({"signals":7})");
    EXPECT_EQ(rules.of(profile), nullptr);
    EXPECT_EQ(first->signals.at("flow").max, 100) << "who has them keeps them";
}

}  // namespace
}  // namespace mw::projection
