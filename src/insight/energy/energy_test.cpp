#include "insight/energy/energy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/random.h"

namespace mw::energy {
namespace {

constexpr std::int64_t first_hour = 420'768;  // 2018-01-01, a Monday

// An office: people by day from Monday to Friday, heating below 12 and cooling above 20 degrees.
std::vector<Hour> office(std::uint64_t seed, std::size_t days, double saved, double noise = 6,
                         std::int64_t start = first_hour) {
    SeededRandom random(seed);
    std::vector<Hour> hours;
    double weather = 0, drift = 0;
    for (std::size_t i = 0; i < days * 24; ++i) {
        const std::int64_t hour = start + static_cast<std::int64_t>(i);
        const std::size_t week = hour_of_week(hour), clock = week % 24;
        const bool people = week < 120 && clock >= 7 && clock < 19;
        weather = 0.98 * weather + 0.8 * random.normal();
        drift = 0.95 * drift + 0.3 * noise * random.normal();
        const double turn = 2 * std::numbers::pi / 24;
        const double t = 14 - 12 * std::cos(turn * static_cast<double>(i) / 365) -
                         5 * std::cos(turn * static_cast<double>(clock)) + weather;
        const double load = 100 + (people ? 150 : 0) + (people ? 6 : 2) * std::max(0.0, t - 20) +
                            4 * std::max(0.0, 12 - t);
        hours.push_back({hour, load * (1 - saved) + drift + noise * random.normal(), t});
    }
    return hours;
}

TEST(Towt, hours_of_the_week_start_on_monday) {
    EXPECT_EQ(hour_of_week(first_hour), 0U);
    EXPECT_EQ(hour_of_week(first_hour - 1), 167U);
    EXPECT_EQ(hour_of_week(0), 72U);
    EXPECT_EQ(hour_of_week(-73), 167U);
}

TEST(Towt, finds_people_and_weather) {
    const auto hours = office(1, 365, 0, 2);
    const auto towt = fit_towt(hours);
    ASSERT_TRUE(towt.ok()) << towt.error().message;
    EXPECT_TRUE(towt->occupied[10]);
    EXPECT_FALSE(towt->occupied[2]);
    EXPECT_FALSE(towt->occupied[6 * 24 + 10]);  // Sunday
    EXPECT_NEAR(towt->predict(10, 30) - towt->predict(10, 25), 30, 4);
    EXPECT_NEAR(towt->predict(2, 0) - towt->predict(2, 5), 20, 4);
    EXPECT_NEAR(towt->predict(10, 16), 250, 6);
}

TEST(Savings, come_within_half_a_point_and_a_placebo_saves_nothing) {
    const auto before = office(2, 365, 0);
    for (const double truth : {0.0, 0.12, -0.05}) {
        const auto after = office(3, 365, truth, 6, first_hour + 365 * 24);
        const auto s = savings_of(before, after);
        ASSERT_TRUE(s.ok()) << s.error().message;
        EXPECT_NEAR(s->share, truth, 0.005);
        EXPECT_LT(s->low, truth);
        EXPECT_GT(s->high, truth);
        EXPECT_LT(s->high - s->low, 0.03);
        EXPECT_EQ(s->verdict == "enough", truth != 0) << s->verdict;
    }
}

// The interval means what it says: it covers about nine times in ten, on errors that depend.
TEST(Savings, the_interval_covers_as_often_as_stated) {
    int covered = 0;
    constexpr int trials = 40;
    for (int i = 0; i < trials; ++i) {
        const auto seed = static_cast<std::uint64_t>(100 + 2 * i);
        const auto s = savings_of(office(seed, 140, 0, 15),
                                  office(seed + 1, 140, 0.1, 15, first_hour + 364 * 24));
        ASSERT_TRUE(s.ok());
        covered += s->low <= 0.1 && 0.1 <= s->high;
    }
    EXPECT_GE(covered, 32);
}

TEST(Savings, say_why_they_are_not_to_be_believed) {
    const auto before = office(4, 100, 0);  // the cold months only
    auto after = office(5, 60, 0.2, 6, first_hour + 170 * 24);
    for (Hour& hour : after) hour.temperature += 25;
    const auto s = savings_of(before, after);
    ASSERT_TRUE(s.ok());
    EXPECT_EQ(s->verdict, "weather that the baseline never saw");
    EXPECT_GT(s->outside, 0.05);
}

TEST(Savings, what_is_no_baseline_is_refused_with_the_reason) {
    const auto refusal = [](const std::vector<Hour>& hours) {
        const auto towt = fit_towt(hours);
        return towt ? std::string("accepted") : towt.error().message;
    };
    EXPECT_EQ(refusal(office(6, 20, 0)),
              "energy baseline: only 480 hours, want at least four weeks; take a longer time "
              "range");
    auto daily = office(7, 720, 0);
    std::erase_if(daily, [](const Hour& hour) { return hour.hour % 24 != 0; });
    EXPECT_EQ(refusal(daily),
              "energy baseline: hour 1 of the week never comes; is the data hourly?");
    auto broken = office(8, 30, 0);
    broken[7].load = std::nan("");
    EXPECT_EQ(refusal(broken),
              "energy baseline: a load or temperature is not a number; leave such hours out");
    EXPECT_FALSE(savings_of(office(9, 30, 0), {}).ok());
}

}  // namespace
}  // namespace mw::energy
