#include "data/segments/minutes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace mw::segments {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t minute = 60 * second;

using Numbers = std::vector<std::int64_t>;
using Doubles = std::vector<double>;

// All values of a column, in the form that each minute has.
Doubles values_of(const MinuteColumns& rows, MinuteValue value, double divisor) {
    Doubles values;
    std::size_t scaled = 0, raw = 0;
    const auto column = static_cast<std::size_t>(value);
    for (const auto form : rows.form) {
        if (form == MinuteColumns::Form::scaled)
            values.push_back(static_cast<double>(rows.scaled[column][scaled++]) / divisor);
        if (form == MinuteColumns::Form::raw) values.push_back(rows.raw[column][raw++]);
    }
    return values;
}

struct Points {
    std::vector<Timestamp> times;
    Doubles values;
    std::vector<Quality> quality;

    void add(std::int64_t time, double value, Quality is = Quality::good()) {
        times.push_back({time});
        values.push_back(value);
        quality.push_back(is);
    }
    void into(Minutes& minutes) {
        ScaledSeries scaled;
        scaled.set(values);
        minutes.add({times, values, quality}, scaled);
        *this = {};
    }
};

TEST(MinutesOfASeries, has_a_row_for_each_minute_and_no_value_where_none_is_good) {
    Points points;
    points.add(minute, 3);
    points.add(minute + second, 1);
    points.add(2 * minute - 1, 2);
    points.add(4 * minute, 7, Quality::uncertain(Reason::spike));
    points.add(4 * minute + 1, std::nan(""));
    points.add(5 * minute, 9);
    Minutes minutes;
    points.into(minutes);
    minutes.end_series();
    const MinuteColumns& rows = minutes.closed();
    EXPECT_EQ(rows.begin, (Numbers{minute, 4 * minute, 5 * minute}));
    EXPECT_EQ(rows.count, (Numbers{3, 2, 1}));
    EXPECT_EQ(rows.good, (Numbers{3, 0, 1}));
    EXPECT_EQ(values_of(rows, MinuteValue::min, 1), (Doubles{1, 9}));
    EXPECT_EQ(values_of(rows, MinuteValue::max, 1), (Doubles{3, 9}));
    EXPECT_EQ(values_of(rows, MinuteValue::sum, 1), (Doubles{6, 9}));
    EXPECT_EQ(values_of(rows, MinuteValue::first, 1), (Doubles{3, 9}));
    EXPECT_EQ(values_of(rows, MinuteValue::last, 1), (Doubles{2, 9}));
    EXPECT_EQ(rows.first_time, (Numbers{minute, 5 * minute}));
    EXPECT_EQ(rows.last_time, (Numbers{2 * minute - 1, 5 * minute}));
}

TEST(MinutesOfASeries, go_on_in_the_next_part_and_end_with_the_series) {
    Points points;
    Minutes minutes;
    points.add(second, 1);
    points.into(minutes);
    points.add(2 * second, 2);
    points.into(minutes);
    EXPECT_TRUE(minutes.closed().begin.empty());
    minutes.end_series();
    EXPECT_EQ(values_of(minutes.closed(), MinuteValue::sum, 1), (Doubles{3}));
    points.add(3 * second, 5);  // another series, in the same minute
    points.into(minutes);
    minutes.end_series();
    EXPECT_EQ(minutes.closed().count, (Numbers{2, 1}));
    minutes.forget_closed();
    minutes.end_series();
    EXPECT_TRUE(minutes.closed().begin.empty());
}

TEST(MinutesOfASeries, sums_of_decimals_do_not_round_on_the_way) {
    Points points;
    for (int i = 0; i < 10; ++i) points.add(i, .1);
    ASSERT_NE(.1 + .1 + .1 + .1 + .1 + .1 + .1 + .1 + .1 + .1, 1.0);
    Minutes minutes;
    points.into(minutes);
    minutes.end_series();
    EXPECT_EQ(values_of(minutes.closed(), MinuteValue::sum, 10), (Doubles{1.0}));
    minutes.forget_closed();
    points.add(0, .1);
    points.add(1, 1.0 / 3);
    points.add(2, .1);
    points.into(minutes);
    minutes.end_series();
    EXPECT_EQ(minutes.closed().form, (std::vector{MinuteColumns::Form::raw}));
    EXPECT_EQ(values_of(minutes.closed(), MinuteValue::sum, 1), (Doubles{.1 + 1.0 / 3 + .1}));
}

TEST(MinutesOfASeries, sums_beyond_an_exact_integer_are_those_of_doubles) {
    Points points;
    const double large = 0x1p50;
    for (int i = 0; i < 20'000; ++i) points.add(i, large);
    Minutes minutes;
    points.into(minutes);
    minutes.end_series();
    EXPECT_EQ(values_of(minutes.closed(), MinuteValue::sum, 1), (Doubles{large * 20'000}));
}

TEST(MinutesOfASeries, begin_and_end_with_time_itself) {
    constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
    constexpr auto highest = std::numeric_limits<std::int64_t>::max();
    Points points;
    points.add(lowest, 1);
    points.add(-minute - 1, 2);
    points.add(-1, 3);
    points.add(0, 4);
    points.add(highest - 1, 5);
    points.add(highest, 6);
    Minutes minutes;
    points.into(minutes);
    minutes.end_series();
    EXPECT_EQ(minutes.closed().begin,
              (Numbers{lowest, -2 * minute, -minute, 0, highest - highest % minute}));
    EXPECT_EQ(minutes.closed().count, (Numbers{1, 1, 1, 1, 2}));
}

}  // namespace
}  // namespace mw::segments
