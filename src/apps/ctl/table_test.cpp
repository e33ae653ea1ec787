#include "apps/ctl/table.h"

#include <gtest/gtest.h>

namespace mw::ctl {
namespace {

TEST(Table, aligns_columns) {
    EXPECT_EQ(render({{"NAME", "STATE"}, {{"gw-1", "active"}, {"a", "b"}}}, 0),
              "NAME  STATE\ngw-1  active\na     b\n");
}

TEST(Table, cuts_the_widest_column_to_fit) {
    const std::string text = render({{"NAME", "REASON"}, {{"gw-1", std::string(80, 'x')}}}, 40);
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        EXPECT_LE(end - at, 42u);  // the ellipsis is three bytes
        at = end + 1;
    }
    EXPECT_NE(text.find("gw-1"), std::string::npos);
    EXPECT_NE(text.find("…"), std::string::npos);
}

TEST(Chart, shows_bounds_and_marks) {
    std::vector<double> values;
    for (int i = 0; i < 100; ++i) values.push_back(i);
    const double marks[] = {.5};
    const std::string text = chart(values, 60, 4, marks);
    EXPECT_NE(text.find("99"), std::string::npos);
    EXPECT_NE(text.find("▲"), std::string::npos);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
}

TEST(Chart, survives_what_cannot_be_drawn) {
    EXPECT_FALSE(chart({}, 60, 4).empty());
    const double broken[] = {NAN, NAN};
    EXPECT_FALSE(chart(broken, 60, 4).empty());
    const double flat[] = {5, 5, 5};
    EXPECT_NE(chart(flat, 60, 4).find("5"), std::string::npos);
}

}  // namespace
}  // namespace mw::ctl
