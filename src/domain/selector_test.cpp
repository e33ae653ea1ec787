#include "domain/selector.h"

#include <gtest/gtest.h>

namespace mw {
namespace {

struct LabelCase {
    const char* selector;
    bool chosen;
};

TEST(Selector, chooses_by_label) {
    const std::map<std::string, std::string> labels{
        {"site", "north"}, {"tier", "1"}, {"spare", ""}};
    const LabelCase cases[] = {
        {"", true},
        {"site=north", true},
        {"site==north", true},
        {" site = north , tier=1 ", true},
        {"site=south", false},
        {"site!=south", true},
        {"site!=north", false},
        {"owner!=ada", true},
        {"spare", true},
        {"!spare", false},
        {"owner", false},
        {"!owner", true},
        {"spare=", true},
        {"site=north,tier=2", false},
    };
    for (const auto& row : cases) {
        const auto selector = parse_label_selector(row.selector);
        ASSERT_TRUE(selector) << row.selector;
        EXPECT_EQ(matches_labels(*selector, labels), row.chosen) << row.selector;
    }
}

TEST(Selector, chooses_by_field) {
    Resource r;
    r.name = "gw-1";
    r.domain = "plant";
    r.spec = *parse_json(R"({"asset":"pump-1","size":3,"on":true,"deep":{"x":1.5}})");
    r.status = *parse_json(R"({"phase":"ready"})");
    const LabelCase cases[] = {
        {"name=gw-1", true},           {"domain=plant,spec.asset=pump-1", true},
        {"spec.asset!=pump-1", false}, {"spec.size=3", true},
        {"spec.on=true", true},        {"spec.deep.x=1.5", true},
        {"status.phase=ready", true},  {"spec.missing=1", false},
        {"spec.missing!=1", true},
    };
    for (const auto& row : cases) {
        const auto selector = parse_field_selector(row.selector);
        ASSERT_TRUE(selector) << row.selector;
        EXPECT_EQ(matches_fields(*selector, r), row.chosen) << row.selector;
    }
}

TEST(Selector, refuses_with_the_position) {
    for (const auto* text : {",", "a=b,", "a=b,,c", "a b=c", "=x", "!", "a=b=c", "a>3"})
        EXPECT_FALSE(parse_label_selector(text)) << text;
    for (const auto* text : {"spec.asset", "labels.x=1", "kind=Device", "spec.a'b=1"})
        EXPECT_FALSE(parse_field_selector(text)) << text;
    const auto outcome = parse_label_selector("a=b,c d=e");
    ASSERT_FALSE(outcome);
    EXPECT_NE(outcome.error().message.find("at character 5"), std::string::npos)
        << outcome.error().message;
}

TEST(Selector, has_limits) {
    std::string many = "a=1";
    for (int i = 0; i < 16; ++i) many += ",a=1";
    EXPECT_FALSE(parse_label_selector(many));
    EXPECT_FALSE(parse_label_selector("a=" + std::string(300, 'x')));
}

}  // namespace
}  // namespace mw
