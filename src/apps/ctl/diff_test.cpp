#include "apps/ctl/diff.h"

#include <gtest/gtest.h>

namespace mw::ctl {
namespace {

TEST(Differences, names_each_changed_leaf) {
    const Json before = *parse_json(R"({"spec":{"a":1,"b":[1,2],"gone":true},"same":"x"})");
    const Json after = *parse_json(R"({"spec":{"a":2,"b":[1,3],"new":{"deep":null}},"same":"x"})");
    EXPECT_EQ(differences(before, after),
              (std::vector<std::string>{"~ spec.a: 1 -> 2", "~ spec.b[1]: 2 -> 3",
                                        "- spec.gone: true", "+ spec.new.deep: null"}));
    EXPECT_TRUE(differences(before, before).empty());
}

}  // namespace
}  // namespace mw::ctl
