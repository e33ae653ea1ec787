#include "insight/pipeline/scorer.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"
#include "insight/pipeline/test_model.h"

namespace mw::pipeline {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct World {
    SimulatedClock clock;

    Pipeline open(std::string_view more, std::string_view window = "{rows: 1}") {
        std::string yaml = "version: 1\ninputs: [{name: flow}]\nwindow: " + std::string(window) +
                           "\nfeatures: [{name: f, input: flow}]\n" + std::string(more);
        auto spec = parse_spec(yaml);
        EXPECT_TRUE(spec.ok()) << (spec.ok() ? "" : spec.error().message);
        auto pipeline = Pipeline::open(*std::move(spec), std::make_unique<SumModel>(1), clock);
        EXPECT_TRUE(pipeline.ok()) << (pipeline.ok() ? "" : pipeline.error().message);
        return *std::move(pipeline);
    }
};

std::optional<Outcome> push(Pipeline& pipeline, int second, double value, Quality quality = {}) {
    return pipeline.push({{second * 1'000'000'000LL}, {&value, 1}, {&quality, 1}});
}

TEST(Pipeline, raises_at_one_level_and_clears_below_another) {
    World world;
    auto pipeline = world.open("threshold: {raise: 2, clear: 1}");
    std::vector<bool> decisions;
    int t = 0;
    for (const double value : {1.5, 2.0, 1.5, 1.0, 0.9, 1.5, 2.5})
        decisions.push_back(push(pipeline, ++t, value)->decision);
    EXPECT_EQ(decisions, (std::vector<bool>{false, true, true, true, false, false, true}));
}

TEST(Pipeline, an_outcome_tells_its_window_and_inputs) {
    World world;
    auto pipeline = world.open("", "{rows: 3}");
    push(pipeline, 1, 1);
    push(pipeline, 2, 2, Quality::uncertain(Reason::spike));
    const auto outcome = push(pipeline, 3, 3);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->window_from.ns, 1'000'000'000);
    EXPECT_EQ(outcome->window_to.ns, 3'000'000'000);
    EXPECT_EQ(outcome->samples, 3U);
    EXPECT_EQ(outcome->inputs_quality, Quality::uncertain(Reason::spike));
    EXPECT_EQ(outcome->score, 2);
    EXPECT_EQ(pipeline.last_features()[0], 2);
}

TEST(Pipeline, smoothing_is_over_the_last_scores_only) {
    World world;
    auto mean = world.open("score: {smoothing: mean, scores: 2}");
    auto median = world.open("score: {smoothing: median, scores: 3}");
    std::vector<double> means, medians;
    int t = 0;
    for (const double value : {1, 3, 7, 100, 5}) {
        means.push_back(push(mean, ++t, value)->score);
        medians.push_back(push(median, t, value)->score);
    }
    EXPECT_EQ(means, (std::vector<double>{1, 2, 5, 53.5, 52.5}));
    EXPECT_EQ(medians, (std::vector<double>{1, 2, 3, 7, 7}));
}

TEST(Pipeline, bad_inputs_take_the_declared_fallback_and_name_the_input) {
    World world;
    const std::pair<const char*, bool> cases[] = {{"hold", true}, {"off", false}, {"on", true}};
    for (const auto& [name, wanted] : cases) {
        auto pipeline = world.open("fallback: {decision: " + std::string(name) + "}");
        EXPECT_TRUE(push(pipeline, 1, 5)->decision);
        const auto outcome = push(pipeline, 2, nan);
        ASSERT_TRUE(outcome);
        EXPECT_EQ(outcome->decision, wanted) << name;
        EXPECT_EQ(outcome->fallback, "inputs_bad: flow");
        EXPECT_TRUE(outcome->inputs_quality.is_bad());
        EXPECT_EQ(outcome->score, 0);
        EXPECT_TRUE(push(pipeline, 3, 5)->fallback.empty());
    }
}

TEST(Pipeline, a_failing_model_and_a_score_that_is_no_number_are_fallbacks) {
    World world;
    auto pipeline = world.open("");
    EXPECT_EQ(push(pipeline, 1, 2e6)->fallback, "model_failed: too large");
    EXPECT_EQ(push(pipeline, 2, -1e300)->fallback, "score_not_finite");
    EXPECT_TRUE(push(pipeline, 3, 1)->fallback.empty());
}

TEST(Pipeline, a_fallback_adds_nothing_to_the_smoothed_score) {
    World world;
    auto pipeline = world.open("score: {smoothing: mean, scores: 3}");
    push(pipeline, 1, 1);
    push(pipeline, 2, nan);
    EXPECT_EQ(push(pipeline, 3, 3)->score, 2);
}

TEST(Pipeline, a_model_that_does_not_fit_is_refused) {
    World world;
    auto spec = parse_spec(
        "version: 1\ninputs: [{name: a}]\nwindow: {rows: 1}\nfeatures: [{name: f, input: a}]");
    ASSERT_TRUE(spec.ok());
    const auto narrow = Pipeline::open(*spec, std::make_unique<SumModel>(2), world.clock);
    ASSERT_FALSE(narrow.ok());
    EXPECT_EQ(narrow.error().message,
              "pipeline: the model takes 2 numbers, the pipeline makes 1 features");
    spec->output_index = 1;
    EXPECT_FALSE(Pipeline::open(*spec, std::make_unique<SumModel>(1), world.clock).ok());
}

TEST(Pipeline, latency_is_measured_with_the_given_clock) {
    World world;
    auto pipeline = world.open("");
    EXPECT_EQ(push(pipeline, 1, 1)->latency_us, 0);
}

TEST(Pipeline, a_broken_or_foreign_checkpoint_is_refused) {
    World world;
    auto pipeline = world.open("");
    push(pipeline, 1, 1);
    Bytes good = pipeline.checkpoint();
    for (std::size_t i = 0; i < good.size(); ++i) {
        Bytes broken = good;
        broken[i] ^= 1;
        EXPECT_FALSE(pipeline.restore(broken).ok()) << i;
    }
    EXPECT_FALSE(pipeline.restore(ByteView(good).first(25)).ok());
    auto other = world.open("threshold: {raise: 7}");
    EXPECT_FALSE(other.restore(good).ok());
    EXPECT_TRUE(pipeline.restore(good).ok());
}

struct Recorded {
    std::vector<double> values;
    std::vector<std::int64_t> times;
};

Recorded recorded(std::size_t rows) {
    SeededRandom random(3);
    Recorded r;
    std::int64_t t = 1'700'000'000'000'000'000;
    for (std::size_t i = 0; i < rows; ++i) {
        t += 1'000'000'000 * (random.below(25) == 0 ? 40 : 1 + random.below(2));
        r.times.push_back(t);
        r.values.push_back(random.below(5) == 0 ? nan : random.normal() + (i / 30 % 2 ? 1.0 : 0.0));
    }
    return r;
}

std::string play(Pipeline& pipeline, const Recorded& rows, std::size_t from, std::size_t to) {
    std::string story;
    for (std::size_t i = from; i < to; ++i) {
        const auto outcome = pipeline.push({{rows.times[i]}, {&rows.values[i], 1}, {}});
        if (!outcome) continue;
        char line[120];
        std::snprintf(line, sizeof line, "%zu %a %d %s\n", i, outcome->score, outcome->decision,
                      outcome->fallback.c_str());
        story += line;
    }
    return story;
}

constexpr std::string_view score_part =
    "score: {smoothing: mean, scores: 4}\nthreshold: {raise: 0.9, clear: 0.1}\n"
    "on_bad: {policy: hold, hold_rows: 2}";
constexpr std::string_view windows[] = {"{rows: 5, every: {rows: 3}}", "{kind: tumbling, rows: 4}",
                                        "{rows: 5, every: {rows: 3}, max_gap: 20s}",
                                        "{time: 9s, every: {time: 4s}}",
                                        "{kind: tumbling, time: 7s}"};

TEST(Pipeline, continues_after_a_restart_as_if_it_had_never_stopped) {
    World world;
    const Recorded rows = recorded(300);
    for (const auto window : windows) {
        for (std::size_t cut = 1; cut < rows.values.size(); cut += 11) {
            auto running = world.open(score_part, window);
            play(running, rows, 0, cut);
            const auto memory = running.memory();
            std::size_t from = cut;
            while (from > 0 && (cut - from < memory.rows ||
                                rows.times[cut - 1] - rows.times[from - 1] <= memory.span.count()))
                --from;
            auto restarted = world.open(score_part, window);
            ASSERT_TRUE(restarted.restore(running.checkpoint()).ok());
            ASSERT_EQ(play(restarted, rows, from, cut), "");
            ASSERT_EQ(play(restarted, rows, cut, rows.values.size()),
                      play(running, rows, cut, rows.values.size()))
                << window << " cut at " << cut;
        }
    }
}

constexpr std::string_view remembering_part =
    "score: {smoothing: median, scores: 4}\nbaseline: {rate: 0.05, frozen_max: 20}\n"
    "threshold: {raise: 0.9, clear: 0.1, raise_after: 2, clear_after: 3}\n"
    "on_bad: {policy: hold, hold_rows: 2}";

TEST(Pipeline, levels_and_streaks_survive_a_restart_bit_by_bit) {
    World world;
    const Recorded rows = recorded(300);
    for (const auto window : windows) {
        for (std::size_t cut = 1; cut < rows.values.size(); cut += 11) {
            auto running = world.open(remembering_part, window);
            play(running, rows, 0, cut);
            auto restarted = world.open(remembering_part, window);
            ASSERT_TRUE(restarted.restore(running.checkpoint()).ok());
            ASSERT_EQ(restarted.checkpoint(), running.checkpoint());
            ASSERT_EQ(play(restarted, rows, 0, cut), "");
            ASSERT_EQ(play(restarted, rows, cut, rows.values.size()),
                      play(running, rows, cut, rows.values.size()))
                << window << " cut at " << cut;
        }
    }
}

TEST(Pipeline, a_checkpoint_that_remembers_is_refused_when_broken_or_cut) {
    World world;
    auto pipeline = world.open(remembering_part);
    for (int t = 1; t < 20; ++t) push(pipeline, t, t * 0.1);
    const Bytes good = pipeline.checkpoint();
    for (std::size_t i = 0; i < good.size(); ++i) {
        Bytes broken = good;
        broken[i] ^= 1;
        EXPECT_FALSE(pipeline.restore(broken).ok()) << i;
        EXPECT_FALSE(pipeline.restore(ByteView(good).first(i)).ok()) << i;
    }
    EXPECT_FALSE(world.open("").restore(good).ok());
    EXPECT_TRUE(pipeline.restore(good).ok());
}

TEST(Pipeline, a_baseline_follows_slow_change_and_is_frozen_while_alarmed) {
    World world;
    auto pipeline = world.open("baseline: {rate: 0.1, frozen_max: 30}\nthreshold: {raise: 2}");
    int t = 0;
    for (int i = 0; i < 200; ++i) EXPECT_FALSE(push(pipeline, ++t, 50 + 0.05 * i)->decision) << i;
    int alarmed = 0;
    for (int i = 0; i < 60; ++i) alarmed += push(pipeline, ++t, 70)->decision;
    EXPECT_GT(alarmed, 30);  // it doesn't learn the fault at once,
    EXPECT_LT(alarmed, 60);  // and doesn't wait for ever
}

TEST(Pipeline, an_alarm_is_raised_and_cleared_by_several_scores_in_a_row) {
    World world;
    auto pipeline = world.open("threshold: {raise: 2, clear: 1, raise_after: 3, clear_after: 2}");
    std::string story;
    int t = 0;
    for (const double value : {3, 3, 0, 3, 3, 3, 0, 3, 0, 0, 3})
        story += push(pipeline, ++t, value)->decision ? '1' : '0';
    EXPECT_EQ(story, "00000111100");
}

TEST(Pipeline, a_restart_in_the_middle_of_a_restart_changes_nothing) {
    World world;
    const Recorded rows = recorded(120);
    auto running = world.open(score_part, windows[0]);
    play(running, rows, 0, 60);
    auto first = world.open(score_part, windows[0]);
    ASSERT_TRUE(first.restore(running.checkpoint()).ok());
    play(first, rows, 0, 30);
    auto second = world.open(score_part, windows[0]);
    ASSERT_TRUE(second.restore(first.checkpoint()).ok());
    EXPECT_EQ(play(second, rows, 0, 120), play(running, rows, 60, 120));
}

TEST(Pipeline, more_past_than_needed_does_no_harm) {
    World world;
    const Recorded rows = recorded(200);
    for (const auto window : windows) {
        auto running = world.open(score_part, window);
        play(running, rows, 0, 150);
        auto restarted = world.open(score_part, window);
        ASSERT_TRUE(restarted.restore(running.checkpoint()).ok());
        EXPECT_EQ(play(restarted, rows, 0, 200), play(running, rows, 150, 200)) << window;
    }
}

TEST(Pipeline, decisions_do_not_look_ahead) {
    World world;
    const Recorded rows = recorded(150);
    for (const auto window : windows) {
        auto whole = world.open(score_part, window);
        const std::string story = play(whole, rows, 0, 150);
        for (const std::size_t cut : {20, 77, 149}) {
            auto prefix = world.open(score_part, window);
            const std::string part = play(prefix, rows, 0, cut);
            EXPECT_EQ(story.substr(0, part.size()), part) << window;
        }
    }
}

}  // namespace
}  // namespace mw::pipeline
