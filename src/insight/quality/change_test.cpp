// What a signal's own past tells: counters, noise, the device's clock; and rules from a history.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "insight/quality/quality.h"

namespace mw::quality {
namespace {

constexpr Timestamp noon{1'700'000'000'000'000'000};

Batch message(const std::vector<double>& values, Timestamp from, nanoseconds every) {
    Batch batch;
    batch.device.text = "gw-1";
    for (std::size_t i = 0; i < values.size(); ++i) {
        batch.times.push_back(from + static_cast<std::int64_t>(i) * every);
        batch.values.push_back(values[i]);
        batch.quality.push_back(Quality::good());
    }
    batch.runs.push_back({"p", "", 0, static_cast<std::uint32_t>(values.size())});
    batch.arrival = batch.times.back();
    return batch;
}

Rules declared(SignalRules signal) {
    auto rules = std::make_shared<RuleSet>();
    rules->signals["p"] = std::move(signal);
    return rules;
}

std::vector<Reason> reasons(const SignalRules& signal, const std::vector<double>& values) {
    Engine engine;
    Batch batch = message(values, noon, seconds{1});
    engine.judge(batch, declared(signal));
    std::vector<Reason> found;
    for (const Quality quality : batch.quality) found.push_back(quality.reason());
    return found;
}

std::vector<double> noise_of(std::size_t count, double size, std::uint64_t seed) {
    SeededRandom random(seed);
    std::vector<double> values(count);
    for (double& value : values) value = 20 + size * random.normal();
    return values;
}

std::size_t count_of(const std::vector<Reason>& all, Reason one, std::size_t from, std::size_t to) {
    return static_cast<std::size_t>(std::count(all.begin() + static_cast<std::ptrdiff_t>(from),
                                               all.begin() + static_cast<std::ptrdiff_t>(to), one));
}

constexpr Reason fine = Reason::none;
constexpr Reason reset = Reason::counter_reset;

TEST(QualityCounter, a_fall_is_a_reset_and_what_follows_is_fine) {
    EXPECT_THAT(reasons({.counter = true}, {5, 6, 6, 9, 0, 2, 1, 4}),
                testing::ElementsAre(fine, fine, fine, fine, reset, fine, reset, fine));
    EXPECT_THAT(reasons({}, {5, 6, 0}), testing::ElementsAre(fine, fine, fine));
}

TEST(QualityCounter, one_that_wraps_around_goes_on) {
    EXPECT_THAT(reasons({.counter = true, .wraps_at = 256}, {250, 254, 3, 5}),
                testing::ElementsAre(fine, fine, fine, fine));
    EXPECT_THAT(reasons({.counter = true, .wraps_at = 256}, {100, 101, 3, 5}),
                testing::ElementsAre(fine, fine, reset, fine));
    // It may rise by 4 a second: from 200 it cannot have come around to 3.
    EXPECT_THAT(reasons({.max_rate = 4, .counter = true, .wraps_at = 256}, {196, 200, 3}),
                testing::ElementsAre(fine, fine, reset));
}

TEST(QualityCounter, resets_are_counted) {
    Engine engine;
    Batch batch = message({5, 1, 2, 0}, noon, seconds{1});
    engine.judge(batch, declared({.counter = true}));
    EXPECT_EQ(engine.scorecard().at(0).counters.counter_resets, 2u);
    EXPECT_EQ(engine.scorecard().at(0).counters.uncertain, 2u);
}

TEST(QualityValues, only_the_declared_ones) {
    EXPECT_THAT(reasons({.values = {0, 1, 4}}, {0, 1, 2, 4, 5}),
                testing::ElementsAre(fine, fine, Reason::range, fine, Reason::range));
}

TEST(QualityNoise, more_and_less_trembling_are_told_and_a_lone_spike_is_not) {
    std::vector<double> values = noise_of(1'000, 1, 7);
    values[500] += 50;
    for (std::size_t i = 600; i < 660; ++i) values[i] = 20 + 6 * (values[i] - 20);
    for (std::size_t i = 800; i < 860; ++i) values[i] = 20 + .1 * (values[i] - 20);
    const auto found = reasons({.noise = 3}, values);
    EXPECT_EQ(count_of(found, Reason::noise, 0, 600), 0u);
    EXPECT_GT(count_of(found, Reason::noise, 600, 676), 40u);
    EXPECT_GT(count_of(found, Reason::noise, 800, 876), 30u);
}

TEST(QualityNoise, what_lasts_is_how_the_signal_is_now) {
    std::vector<double> values = noise_of(3'000, 1, 8);
    for (std::size_t i = 1'000; i < values.size(); ++i) values[i] = 20 + 8 * (values[i] - 20);
    const auto found = reasons({.noise = 3}, values);
    EXPECT_GT(count_of(found, Reason::noise, 1'000, 1'530), 400u);
    EXPECT_EQ(count_of(found, Reason::noise, 1'600, 3'000), 0u);
}

// Messages of one point each second; the clock of the device is behind by what the function says.
template <class Behind>
std::vector<Reason> through_clock(Behind&& behind_s, std::size_t count) {
    Engine engine;
    std::vector<Reason> found;
    for (std::size_t i = 0; i < count; ++i) {
        const Timestamp now = noon + static_cast<std::int64_t>(i) * seconds{1};
        const auto behind = static_cast<std::int64_t>(behind_s(i) * 1e9);
        Batch batch = message({1}, now - nanoseconds{behind}, seconds{1});
        batch.arrival = now + milliseconds{(i % 5) * 100};
        engine.judge(batch, declared({.late_after = minutes{5}}));
        found.push_back(batch.quality[0].reason());
    }
    return found;
}

TEST(QualityClock, one_that_drifts_is_told_in_both_directions) {
    for (const double sign : {-1., 1.}) {
        const auto found = through_clock([&](std::size_t i) { return i * .1 * sign; }, 300);
        EXPECT_EQ(count_of(found, Reason::clock, 0, 90), 0u);
        EXPECT_EQ(count_of(found, Reason::clock, 120, 300), 180u);
    }
}

TEST(QualityClock, messages_that_waited_are_late_and_the_clock_is_fine) {
    const auto waited = [](std::size_t i) { return i / 100 == 1 ? 600. : 0.; };
    const auto found = through_clock(waited, 300);
    EXPECT_EQ(count_of(found, Reason::clock, 0, 300), 0u);
    EXPECT_EQ(count_of(found, Reason::late, 100, 200), 100u);
    // A backlog that is worked off comes back slowly.
    const auto worked_off = [](std::size_t i) { return i < 100 ? 0. : std::max(0., 700. - i); };
    EXPECT_EQ(count_of(through_clock(worked_off, 900), Reason::clock, 0, 900), 0u);
}

TEST(QualityClock, the_scorecard_says_how_far_it_is) {
    Engine engine;
    for (int i = 0; i < 20; ++i) {
        const Timestamp now = noon + i * seconds{1};
        Batch batch = message({1}, now - seconds{4}, seconds{1});
        batch.arrival = now;
        engine.judge(batch, default_rules());
    }
    EXPECT_EQ(engine.scorecard().at(0).clock_behind_ms, 4'000);
}

std::vector<Timestamp> each_second(std::size_t count) {
    std::vector<Timestamp> times(count);
    for (std::size_t i = 0; i < count; ++i)
        times[i] = noon + static_cast<std::int64_t>(i) * seconds{1};
    return times;
}

TEST(QualitySuggestion, its_own_history_passes) {
    const auto values = noise_of(2'000, 1, 9);
    const Suggestion found = suggest(each_second(values.size()), values);
    EXPECT_THAT(found.words, testing::IsEmpty());
    EXPECT_EQ(found.rules.every, seconds{1});
    EXPECT_GE(found.rules.spike, 8);
    EXPECT_GE(found.rules.noise, 2.5);
    EXPECT_GT(found.rules.stuck_after, seconds{0});
    EXPECT_FALSE(found.rules.counter);
    const auto judged = reasons(found.rules, values);
    EXPECT_EQ(count_of(judged, fine, 0, judged.size()), judged.size());
}

TEST(QualitySuggestion, is_written_as_a_profile_reads_it) {
    const auto values = noise_of(2'000, 1, 9);
    SignalRules rules = suggest(each_second(values.size()), values).rules;
    rules.unit = "bar";
    rules.values = {1, 2};
    const Json spec = JsonObject{{"signals", JsonArray{signal_spec("p", rules)}}};
    const auto read = rules_from_profile("pump", spec);
    ASSERT_TRUE(read.ok()) << read.error().message;
    const SignalRules& again = (*read)->signals.at("p");
    EXPECT_EQ(again.unit, "bar");
    EXPECT_EQ(again.min, rules.min);
    EXPECT_EQ(again.max, rules.max);
    EXPECT_EQ(again.max_rate, rules.max_rate);
    EXPECT_EQ(again.spike, rules.spike);
    EXPECT_EQ(again.noise, rules.noise);
    EXPECT_EQ(again.values, rules.values);
    EXPECT_EQ(again.every, rules.every);
    EXPECT_EQ(again.stuck_after, rules.stuck_after);
}

TEST(QualitySuggestion, a_counter_is_known_by_its_rising) {
    std::vector<double> values(1'000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 700);
    const Suggestion found = suggest(each_second(values.size()), values);
    EXPECT_TRUE(found.rules.counter);
    EXPECT_THAT(found.words, testing::Contains(testing::HasSubstr("a counter has none")));
}

TEST(QualitySuggestion, what_would_fail_often_is_left_out_and_said) {
    std::vector<double> still(1'000, 3.);
    const Suggestion of_still = suggest(each_second(still.size()), still);
    EXPECT_EQ(of_still.rules.stuck_after, seconds{0});
    EXPECT_THAT(of_still.words, testing::Contains("stuck_after: it often stands still"));
    const Suggestion of_few = suggest(each_second(10), std::vector<double>(10, 1.));
    EXPECT_THAT(of_few.words, testing::ElementsAre(testing::HasSubstr("it has 10 points")));
}

}  // namespace
}  // namespace mw::quality
