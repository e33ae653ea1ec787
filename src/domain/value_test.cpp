#include "domain/value.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mw {
namespace {

TEST(Value, a_box_is_a_nan_that_its_own_table_understands) {
    BoxList boxes, others;
    const double running = boxes.add("RUNNING");
    const double count = boxes.add(std::int64_t{9'007'199'254'740'993});
    EXPECT_TRUE(std::isnan(running));
    EXPECT_TRUE(std::isnan(count));
    EXPECT_EQ(boxes.text(running), "RUNNING");
    EXPECT_EQ(boxes.integer(count), 9'007'199'254'740'993);
    EXPECT_EQ(boxes.integer(running), std::nullopt);
    EXPECT_EQ(boxes.text(count), std::nullopt);
    EXPECT_EQ(others.text(running), std::nullopt);
    EXPECT_TRUE(std::isnan(boxes.number(running)));
    EXPECT_EQ(boxes.number(count), 9'007'199'254'740'992.0);
    EXPECT_EQ(boxes.number(1.5), 1.5);
}

TEST(Value, no_number_is_a_box) {
    for (const double value : std::initializer_list<double>{
             0.0, -0.0, 1e308, -1e308, INFINITY, -INFINITY, double{NAN}, -double{NAN},
             std::bit_cast<double>(std::uint64_t{0xfff8} << 48)})
        EXPECT_FALSE(is_box(value)) << value;
    EXPECT_TRUE(is_box(text_box(0)) && is_text_box(text_box(~0U)));
    EXPECT_TRUE(is_box(integer_box(0)) && !is_text_box(integer_box(~0U)));
}

TEST(Value, doubles_hold_some_integers) {
    constexpr std::int64_t odd = (std::int64_t{1} << 53) + 1;
    for (const std::int64_t fits :
         {std::int64_t{0}, odd - 1, -odd + 1, odd + 1, std::numeric_limits<std::int64_t>::min()})
        EXPECT_TRUE(fits_double(fits)) << fits;
    for (const std::int64_t rounded : {odd, -odd, std::numeric_limits<std::int64_t>::max()})
        EXPECT_FALSE(fits_double(rounded)) << rounded;
}

TEST(Value, the_same_text_again_costs_nothing) {
    BoxList boxes;
    const double first = boxes.add("on");
    const auto bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
    EXPECT_EQ(bits(boxes.add("on")), bits(first));
    EXPECT_NE(bits(boxes.add("off")), bits(first));
    EXPECT_EQ(boxes.texts(), 2U);
    EXPECT_EQ(boxes.text(first), "on");
}

TEST(Value, another_table_adopts_what_is_boxed_and_nothing_else) {
    BoxList from, to;
    to.add("before");
    EXPECT_EQ(to.text(to.adopt(from.add("x"), from)), "x");
    EXPECT_EQ(to.integer(to.adopt(from.add(std::int64_t{-7}), from)), -7);
    EXPECT_EQ(to.adopt(2.5, from), 2.5);
    EXPECT_FALSE(is_box(to.adopt(text_box(99), from)));
}

TEST(Value, types_widen_to_what_holds_both) {
    using enum ValueType;
    EXPECT_EQ(widest(integer, integer), integer);
    EXPECT_EQ(widest(integer, number), number);
    EXPECT_EQ(widest(boolean, integer), number);
    EXPECT_EQ(widest(text, boolean), mixed);
    EXPECT_EQ(widest(mixed, text), mixed);
    EXPECT_EQ(widest(none, text), text);
    EXPECT_EQ(widest(boolean, none), boolean);
}

TEST(Value, utf8_is_told_from_other_bytes) {
    for (const char* good :
         {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xef\xbf\xbf"})
        EXPECT_TRUE(is_utf8(good)) << good;
    for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                            "\xf4\x90\x80\x80", "\xff", "a\xe2\x82", "\xc3 "})
        EXPECT_FALSE(is_utf8(bad)) << bad;
}

}  // namespace
}  // namespace mw
