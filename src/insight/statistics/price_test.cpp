#include "insight/statistics/price.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace mw::statistics {
namespace {

constexpr Stakes stakes{20, 5'000, 1'000, 50};

TEST(Outcomes, weigh_each_window_by_its_propensity) {
    const std::vector<LabelledWindow> windows = {
        {.decision = false, .event = true, .propensity = .1},
        {.decision = true, .event = true, .propensity = .5},
        {.decision = true, .event = false, .propensity = .5},
        {.decision = false, .event = false, .propensity = .1}};
    const Outcomes outcomes = outcomes_of(windows);
    EXPECT_EQ(outcomes.missed.sum, 10);
    EXPECT_EQ(outcomes.missed.squares, 100);
    EXPECT_EQ(outcomes.missed.next, 10);
    EXPECT_EQ(outcomes.caught.sum, 2);
    EXPECT_EQ(outcomes.false_alarm.sum, 2);
    EXPECT_EQ(outcomes.quiet.sum, 10);
    EXPECT_EQ(outcomes.labels, 4U);
}

TEST(Outcomes, windows_of_one_incident_say_less_than_as_many_alone) {
    std::vector<LabelledWindow> windows(6, {.decision = true, .event = true});
    EXPECT_EQ(outcomes_of(windows).caught.squares, 6);
    for (LabelledWindow& window : windows) window.cluster = 9;
    EXPECT_EQ(outcomes_of(windows).caught.sum, 6);
    EXPECT_EQ(outcomes_of(windows).caught.squares, 36);
}

TEST(Price, is_the_formula_and_is_claimed_when_it_is_certain) {
    const Outcomes gate = outcomes_of_counts(10, 90, 20, 1'980);
    const Outcomes now = outcomes_of_counts(60, 40, 60, 1'940);
    const PriceReading reading = price_loss(now, gate, stakes, {});
    ASSERT_TRUE(reading.loss_per_week) << reading.says;
    EXPECT_NEAR(reading.loss_per_week->estimate, 20 * .5 * 1'000 + 4'980 * .02 * 50, 1e-6);
    EXPECT_TRUE(reading.claimed) << reading.says;
    EXPECT_LT(reading.loss_per_week->low, reading.loss_per_week->estimate);
    EXPECT_GT(reading.loss_per_week->high, reading.loss_per_week->estimate);
    EXPECT_NEAR(reading.miss_rate_now.estimate, .6, 1e-12);
    EXPECT_NEAR(reading.false_alarms_at_gate.estimate, 49.8, 1e-9);
    EXPECT_EQ(reading.says.rfind("loses ", 0), 0U) << reading.says;
    EXPECT_EQ(price_loss(now, gate, stakes, {}).loss_per_week->low, reading.loss_per_week->low);
    const PriceReading same = price_loss(gate, gate, stakes, {});
    EXPECT_FALSE(same.claimed);
    EXPECT_EQ(same.says.rfind("no loss shown", 0), 0U) << same.says;
}

// One event binomial: the interval is that of Clopper and Pearson, mid-P.
TEST(Price, the_miss_rate_has_its_textbook_interval) {
    const Outcomes gate = outcomes_of_counts(0, 20, 20, 1'980);
    PriceOptions options;
    options.draws = 10'000;
    const PriceReading reading = price_loss(gate, gate, stakes, options);
    // (1 - x)^20 / 2 = .05
    EXPECT_NEAR(reading.miss_rate_now.high, 1 - std::pow(.1, 1.0 / 20), .01);
    EXPECT_EQ(reading.miss_rate_now.low, 0);
}

TEST(Price, too_few_labels_are_unpriced_and_it_says_how_many_are_missing) {
    const Outcomes gate = outcomes_of_counts(10, 90, 20, 1'980);
    const PriceReading none = price_loss(outcomes_of({}), gate, stakes, {});
    EXPECT_FALSE(none.loss_per_week);
    EXPECT_FALSE(none.claimed);
    EXPECT_FALSE(none.gate_lacks);
    // At 20 events among 5,000 windows, eight take some 2,000 labels of random windows.
    EXPECT_EQ(none.labels_missing, 2'000U);
    EXPECT_EQ(none.says.rfind("unpriced: about 2000 more labels", 0), 0U) << none.says;
    const PriceReading some = price_loss(outcomes_of_counts(1, 3, 5, 191), gate, stakes, {});
    EXPECT_FALSE(some.loss_per_week);
    EXPECT_GT(some.labels_missing, 100U);
    EXPECT_LT(some.labels_missing, 2'000U);
    const PriceReading no_gate = price_loss(gate, outcomes_of({}), stakes, {});
    EXPECT_FALSE(no_gate.loss_per_week);
    EXPECT_GT(no_gate.labels_missing, 0U);
    EXPECT_TRUE(no_gate.gate_lacks);
    // Whom misses cost nothing needs no events.
    Stakes alarms_only = stakes;
    alarms_only.cost_of_miss = 0;
    EXPECT_TRUE(price_loss(outcomes_of_counts(0, 0, 5, 191), gate, alarms_only, {}).loss_per_week);
}

// Windows are missed with chance `miss`, alarm falsely with chance `alarm`; alarms are asked about
// with chance .5, the rest with .1.
Outcomes sampled(int events, int quiet, double miss, double alarm, Random& random) {
    std::vector<LabelledWindow> windows;
    for (int i = 0; i < events + quiet; ++i) {
        const bool event = i < events;
        const bool decision = random.uniform() < (event ? 1 - miss : alarm);
        const double propensity = decision ? .5 : .1;
        if (random.uniform() < propensity) windows.push_back({decision, event, propensity, 0});
    }
    return outcomes_of(windows);
}

TEST(Price, the_interval_covers_and_no_drift_claims_no_loss) {
    SeededRandom random(1);
    constexpr int plants = 100;
    int covered = 0, claimed = 0, priced = 0, claimed_drift = 0;
    PriceOptions options;
    options.draws = 300;
    for (int plant = 0; plant < plants; ++plant) {
        options.seed = static_cast<std::uint64_t>(plant) + 1;
        const double miss = .05 + .2 * random.uniform();
        std::size_t missed = 0;
        for (int i = 0; i < 100; ++i) missed += random.uniform() < miss;
        const Outcomes gate = outcomes_of_counts(missed, 100 - missed, 10, 990);
        for (const double rise : {0.0, .4}) {
            const Outcomes now = sampled(200, 1'000, miss + rise, .01, random);
            const PriceReading reading = price_loss(now, gate, stakes, options);
            claimed += rise == 0 && reading.claimed;
            claimed_drift += rise > 0 && reading.claimed;
            if (!reading.loss_per_week) continue;
            ++priced;
            const double truth = 20 * rise * 1'000;
            covered += reading.loss_per_week->low <= truth && truth <= reading.loss_per_week->high;
        }
    }
    EXPECT_GE(priced, plants * 2 * 9 / 10);
    EXPECT_GE(covered, priced * 83 / 100) << "seed 1";
    EXPECT_LE(covered, priced * 98 / 100) << "seed 1";
    EXPECT_LE(claimed, plants * 5 / 100) << "seed 1";
    EXPECT_GE(claimed_drift, plants * 60 / 100) << "seed 1";
}

}  // namespace
}  // namespace mw::statistics
