#include "fleet/convergence/desired.h"

#include <gtest/gtest.h>

namespace mw::convergence {
namespace {

Resource device(const char* spec) {
    Resource r;
    r.kind = "Device";
    r.name = "gw-1";
    r.generation = 3;
    r.spec = *parse_json(spec);
    return r;
}

std::map<std::string, Resource> one_version() {
    Resource version;
    version.kind = "ModelVersion";
    version.name = model_version_name("pump", "1");
    version.spec = *parse_json(R"({"bundle":"abc","size":7})");
    return {{version.name, version}};
}

TEST(DesiredDocument, carries_models_by_their_bundle_and_sources_by_their_hash) {
    const auto desired = desired_of(device(R"({"asset":"pump-1","models":{"pump":{"version":"1"}},
                   "sources":{"csv":{"type":"csv","path":"x"}},"config":{"health_every":"1s"}})"),
                                    one_version());
    EXPECT_TRUE(desired.problems.empty());
    const Json& d = desired.document;
    EXPECT_EQ(find_integer(d, "generation"), 3);
    EXPECT_EQ(find_string(d, "asset"), "pump-1");
    EXPECT_EQ(find_string(d, "models.pump.hash"), "abc");
    EXPECT_EQ(find_integer(d, "models.pump.size"), 7);
    EXPECT_EQ(find_string(d, "sources.csv.hash")->size(), 64u);
    EXPECT_EQ(find_string(d, "config.health_every"), "1s");
}

TEST(DesiredDocument, names_what_it_could_not_resolve) {
    const auto desired =
        desired_of(device(R"({"models":{"pump":{"version":"2"}}})"), one_version());
    EXPECT_EQ(find(desired.document, "models.pump"), nullptr);
    ASSERT_EQ(desired.problems.size(), 1u);
    EXPECT_NE(desired.problems[0].find("no version '2'"), std::string::npos);
}

TEST(DesiredDocument, a_source_keeps_its_hash_until_it_changes) {
    const auto hash = [](const char* spec) {
        return *find_string(desired_of(device(spec), {}).document, "sources.s.hash");
    };
    EXPECT_EQ(hash(R"({"sources":{"s":{"type":"csv","path":"x"}}})"),
              hash(R"({"asset":"other","sources":{"s":{"type":"csv","path":"x"}}})"));
    EXPECT_NE(hash(R"({"sources":{"s":{"type":"csv","path":"x"}}})"),
              hash(R"({"sources":{"s":{"type":"csv","path":"y"}}})"));
}

}  // namespace
}  // namespace mw::convergence
