#include "insight/statistics/canary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

namespace mw::statistics {
namespace {

using Units = std::vector<Unit>;

// Devices at levels of 0 to 460: after is before plus `rise` plus a small step of their own.
Units devices(int count, double rise, int first = 0, const std::string& stratum = "") {
    Units units;
    for (int i = first; i < first + count; ++i)
        units.push_back(
            {stratum, 10.0 * (i * 23 % 47), 10.0 * (i * 23 % 47) + rise + .01 * (i * 7 % 5)});
    return units;
}

struct Fleet {
    Units canary, control;
};

// Level 1, own shift .15, noise as of four hours' minutes of AR(.9).
Fleet noisy(int canaries, int controls, double effect, Random& random) {
    Fleet fleet;
    for (int i = 0; i < canaries + controls; ++i) {
        const double level = random.normal(), noise = .139;
        const double after = level + .15 * random.normal() + noise * random.normal();
        Unit unit{"", level + noise * random.normal(), after + (i < canaries ? effect : 0)};
        (i < canaries ? fleet.canary : fleet.control).push_back(unit);
    }
    return fleet;
}

TEST(Canary, three_against_three_is_the_least_that_can_tell) {
    const auto three = judge_final(devices(3, 5), devices(3, 0, 3), {});
    EXPECT_NEAR(three.p_value, 1.0 / 20, 1e-12);
    EXPECT_EQ(three.verdict, CanaryVerdict::worse) << three.says;
    const auto two = judge_final(devices(2, 5), devices(3, 0, 2), {});
    EXPECT_NEAR(two.p_value, 1.0 / 10, 1e-12);
    EXPECT_EQ(two.verdict, CanaryVerdict::inconclusive) << two.says;
}

TEST(Canary, one_needs_nineteen_controls) {
    EXPECT_EQ(judge_final(devices(1, 5), devices(19, 0, 1), {}).verdict, CanaryVerdict::worse);
    const auto short_of = judge_final(devices(1, 5), devices(18, 0, 1), {});
    EXPECT_EQ(short_of.verdict, CanaryVerdict::inconclusive) << short_of.says;
    EXPECT_EQ(short_of.power, 0);
}

TEST(Canary, a_crass_rise_is_seen_at_the_first_look_and_has_a_large_e_value) {
    const auto reading = judge_look(devices(3, 5), devices(9, 0, 3), 1, {});
    EXPECT_EQ(reading.verdict, CanaryVerdict::worse) << reading.says;
    EXPECT_GE(reading.e_value, 20);
    EXPECT_NEAR(reading.effect, 5, .1);
    EXPECT_LT(reading.p_limit, 1e-4);
}

TEST(Canary, that_canaries_started_lower_takes_nothing_from_their_rise) {
    Units low, high;
    for (int i = 0; i < 12; ++i)
        (i < 3 ? low : high).push_back({"", 10.0 * i, 10.0 * i + (i < 3 ? 5 : 0) + .01 * (i % 4)});
    const auto reading = judge_final(low, high, {});
    EXPECT_EQ(reading.verdict, CanaryVerdict::worse) << reading.says;
    EXPECT_NEAR(reading.effect, 5, .1);
}

TEST(Canary, a_shift_of_all_is_nobodys_fault) {
    const auto reading = judge_final(devices(5, 5), devices(45, 5, 5), {});
    EXPECT_EQ(reading.verdict, CanaryVerdict::harmless) << reading.says;
    EXPECT_LT(reading.e_value, 20);
}

TEST(Canary, devices_are_compared_within_their_stratum) {
    // Site b changed by 5, and holds most of the canaries.
    Units canary = devices(2, 0, 0, "a"), control = devices(20, 0, 2, "a");
    for (const Unit& unit : devices(6, 5, 22, "b")) canary.push_back(unit);
    for (const Unit& unit : devices(8, 5, 28, "b")) control.push_back(unit);
    EXPECT_EQ(judge_final(canary, control, {}).verdict, CanaryVerdict::harmless);
    // A stratum of controls only is left out.
    for (const Unit& unit : devices(9, -50, 36, "c")) control.push_back(unit);
    const auto reading = judge_final(canary, control, {});
    EXPECT_EQ(reading.verdict, CanaryVerdict::harmless) << reading.says;
    EXPECT_EQ(reading.controls, 28U);
    for (Units* units : {&canary, &control})
        for (Unit& unit : *units) unit.stratum = "";
    EXPECT_EQ(judge_final(canary, control, {}).verdict, CanaryVerdict::worse);
}

TEST(Canary, a_rise_within_the_margin_is_harmless_and_a_fall_only_when_asked) {
    CanaryOptions options;
    options.margin = 6;
    EXPECT_EQ(judge_final(devices(4, 5), devices(20, 0, 4), options).verdict,
              CanaryVerdict::harmless);
    options.margin = 4;
    EXPECT_EQ(judge_final(devices(4, 5), devices(20, 0, 4), options).verdict, CanaryVerdict::worse);
    EXPECT_EQ(judge_final(devices(4, -5), devices(20, 0, 4), options).verdict,
              CanaryVerdict::harmless);
    options.both_ways = true;
    const auto fall = judge_final(devices(4, -5), devices(20, 0, 4), options);
    EXPECT_EQ(fall.verdict, CanaryVerdict::worse) << fall.says;
    EXPECT_GE(fall.e_value, 20);
}

TEST(Canary, devices_that_all_say_the_same_are_no_riddle) {
    const Units zeros(3, Unit{"", 0, 0}), others(9, Unit{"", 0, 0}), ones(3, Unit{"", 0, 1});
    const auto still = judge_look(zeros, others, 5, {});
    EXPECT_EQ(still.verdict, CanaryVerdict::harmless) << still.says;
    const auto failing = judge_look(ones, others, 1, {});
    EXPECT_EQ(failing.verdict, CanaryVerdict::worse) << failing.says;
    EXPECT_GE(failing.e_value, 20);
    EXPECT_EQ(judge_final(zeros, Units(1, Unit{"", 0, 0}), {}).verdict,
              CanaryVerdict::inconclusive);
}

TEST(Canary, silent_devices_and_strangers_leave_nothing_to_compare) {
    const double nothing = std::numeric_limits<double>::quiet_NaN();
    const auto silent = judge_final(Units(5, Unit{"", 1, nothing}), devices(5, 0), {});
    EXPECT_EQ(silent.verdict, CanaryVerdict::inconclusive);
    EXPECT_EQ(silent.canaries, 0U);
    const auto strangers = judge_final(devices(5, 5, 0, "a"), devices(5, 0, 0, "b"), {});
    EXPECT_NE(strangers.says.find("no stratum has both"), std::string::npos) << strangers.says;
    EXPECT_EQ(judge_look({}, {}, 1, {}).verdict, CanaryVerdict::inconclusive);
}

TEST(Canary, the_drawn_p_value_is_near_that_of_t_and_repeats_under_its_seed) {
    SeededRandom random(21);
    const Fleet fleet = noisy(8, 60, .1, random);
    CanaryOptions few;
    few.permutations = 4'999;
    CanaryOptions none = few;
    none.permutations = 2'000'000'000;  // more than are drawn: the t test
    const double drawn = judge_final(fleet.canary, fleet.control, few).p_value;
    EXPECT_NEAR(drawn, judge_final(fleet.canary, fleet.control, none).p_value, .03) << "seed 21";
    EXPECT_EQ(drawn, judge_final(fleet.canary, fleet.control, few).p_value);
}

TEST(Canary, is_seldom_wrong_and_mostly_right) {
    SeededRandom random(1);
    constexpr int runs = 150;
    CanaryOptions options;
    options.permutations = 399;
    int wrong = 0, wrong_at_looks = 0, right = 0, betting = 0;
    for (int run = 0; run < runs; ++run) {
        const Fleet same = noisy(5, 45, 0, random), worse = noisy(5, 45, .3, random);
        const auto reading = judge_final(same.canary, same.control, options);
        wrong += reading.verdict == CanaryVerdict::worse;
        betting += reading.e_value >= 20;
        wrong_at_looks +=
            judge_look(same.canary, same.control, 5, options).verdict == CanaryVerdict::worse;
        right += judge_final(worse.canary, worse.control, options).verdict == CanaryVerdict::worse;
    }
    // .05 of 150 are 7.5 with a deviation of 2.7; power is .84 or more.
    EXPECT_LE(wrong, 16) << "seed 1";
    EXPECT_LE(wrong_at_looks, 16) << "seed 1";
    EXPECT_LE(betting, 8) << "seed 1";
    EXPECT_GE(right, 105) << "seed 1";
}

TEST(Canary, a_small_canary_of_a_small_fleet_says_inconclusive) {
    SeededRandom random(4);
    Fleet fleet = noisy(3, 4, 0, random);
    CanaryOptions options;
    options.min_power_effect = .2;
    const auto reading = judge_final(fleet.canary, fleet.control, options);
    ASSERT_EQ(reading.verdict, CanaryVerdict::inconclusive) << reading.says;
    EXPECT_LT(reading.power, .8);
    EXPECT_NE(reading.says.find("Next step"), std::string::npos);
}

TEST(SampleRatio, a_broken_split_is_found) {
    EXPECT_GT(sample_ratio_p(5, 45, .1), .9);
    EXPECT_GT(sample_ratio_p(8, 42, .1), .05);
    EXPECT_LT(sample_ratio_p(700, 300, .5), 1e-20);
    EXPECT_NEAR(sample_ratio_p(0, 10, .5), 2.0 / 1024, 1e-12);
    EXPECT_NEAR(sample_ratio_p(10, 0, .5), 2.0 / 1024, 1e-12);
    EXPECT_EQ(sample_ratio_p(0, 0, .5), 1);
}

}  // namespace
}  // namespace mw::statistics
