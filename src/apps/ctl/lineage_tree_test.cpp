#include "apps/ctl/lineage_tree.h"

#include <gtest/gtest.h>

namespace mw::ctl {
namespace {

TEST(LineageTree, is_drawn_with_edges_and_what_was_left_out) {
    const auto tree = parse_json(
        R"({"kind":"DataProduct","name":"pumps","more":3,"hidden":1,"children":[)"
        R"({"kind":"Dataset","name":"valves","edge":{"contract":"1.2.0","contract_generation":3},)"
        R"("children":[{"kind":"ModelVersion","name":"valve--1","edge":)"
        R"({"dataset_sha256":"0123456789abcdef","split":"train"},"children":[)"
        R"({"kind":"Device","name":"gw-1","edge":{"shadow":true},"repeated":true}]}]}]})");
    ASSERT_TRUE(tree) << tree.error().message;
    EXPECT_EQ(lineage_tree(*tree, 100),
              "product/pumps\n"
              "├─ dataset/valves  contract 1.2.0\n"
              "│  └─ version/valve--1  dataset 0123456789ab, split train\n"
              "│     └─ device/gw-1  shadow  (above)\n"
              "├─ ... 3 more\n"
              "└─ 1 that you may not see\n");
    EXPECT_EQ(lineage_tree(*tree, 20),
              "product/pumps\n"
              "├─ dataset/valves  …\n"
              "│  └─ version/valve…\n"
              "│     └─ device/gw-…\n"
              "├─ ... 3 more\n"
              "└─ 1 that you may n…\n");
}

}  // namespace
}  // namespace mw::ctl
