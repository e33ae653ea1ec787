#include "insight/features/extractor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"

namespace mw::features {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Plan one_input(Window window, Statistic statistic = Statistic::mean) {
    Plan plan;
    plan.inputs = {"flow"};
    plan.window = window;
    plan.features = {{"f", 0, statistic, {}, 0, 1}};
    return plan;
}

Window by_rows(std::uint32_t length, std::uint32_t every = 1) {
    Window window;
    window.length = {length, {}};
    window.every = {every, {}};
    return window;
}

Window by_time(nanoseconds length, nanoseconds every) {
    Window window;
    window.length = {0, length};
    window.every = {0, every};
    return window;
}

Extractor opened(Plan plan) {
    auto extractor = Extractor::open(std::move(plan));
    EXPECT_TRUE(extractor.ok()) << (extractor.ok() ? "" : extractor.error().message);
    return *std::move(extractor);
}

std::optional<Frame> push(Extractor& extractor, std::int64_t second, double value,
                          Quality quality = {}) {
    return extractor.push({{second * 1'000'000'000}, {&value, 1}, {&quality, 1}});
}

TEST(Extractor, sliding_window_speaks_at_every_row_once_full) {
    auto extractor = opened(one_input(by_rows(3)));
    EXPECT_FALSE(push(extractor, 1, 1));
    EXPECT_FALSE(push(extractor, 2, 2));
    auto frame = push(extractor, 3, 6);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->values[0], 3);
    EXPECT_EQ(frame->from.ns, 1'000'000'000);
    EXPECT_EQ(frame->to.ns, 3'000'000'000);
    EXPECT_EQ(frame->rows, 3U);
    frame = push(extractor, 4, 1);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->values[0], 3);
    EXPECT_EQ(frame->from.ns, 2'000'000'000);
}

TEST(Extractor, sliding_window_can_speak_at_every_nth_row) {
    auto extractor = opened(one_input(by_rows(4, 2)));
    std::vector<int> spoke;
    for (int i = 1; i <= 9; ++i)
        if (push(extractor, i, i)) spoke.push_back(i);
    EXPECT_EQ(spoke, (std::vector<int>{4, 6, 8}));
}

TEST(Extractor, tumbling_windows_share_no_row) {
    Window window = by_rows(3);
    window.kind = WindowKind::tumbling;
    auto extractor = opened(one_input(window));
    std::vector<double> means;
    for (int i = 1; i <= 9; ++i)
        if (auto frame = push(extractor, i, i)) means.push_back(frame->values[0]);
    EXPECT_EQ(means, (std::vector<double>{2, 5, 8}));
}

TEST(Extractor, sliding_time_window_holds_the_rows_younger_than_its_length) {
    auto extractor = opened(one_input(by_time(seconds{4}, seconds{1})));
    std::optional<Frame> frame;
    for (int t = 10; t <= 14; ++t) frame = push(extractor, t, t);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->from.ns, 11'000'000'000);
    EXPECT_EQ(frame->rows, 4U);
    EXPECT_EQ(frame->values[0], 12.5);
}

TEST(Extractor, sliding_time_window_speaks_once_per_slot) {
    auto extractor = opened(one_input(by_time(seconds{4}, seconds{2})));
    std::vector<int> spoke;
    for (int t = 0; t <= 9; ++t)
        if (push(extractor, t, t)) spoke.push_back(t);
    EXPECT_EQ(spoke, (std::vector<int>{4, 6, 8}));
}

TEST(Extractor, tumbling_time_window_is_known_when_the_next_one_begins) {
    Window window = by_time(seconds{10}, {});
    window.kind = WindowKind::tumbling;
    auto extractor = opened(one_input(window));
    std::vector<double> means;
    std::vector<std::int64_t> from;
    for (int t = 5; t <= 31; ++t) {
        if (auto frame = push(extractor, t, t)) {
            means.push_back(frame->values[0]);
            from.push_back(frame->from.ns / 1'000'000'000);
        }
    }
    // The window from 0 was not seen from its beginning.
    EXPECT_EQ(from, (std::vector<std::int64_t>{10, 20}));
    EXPECT_EQ(means, (std::vector<double>{14.5, 24.5}));
}

TEST(Extractor, windows_before_1970_are_windows_too) {
    Window window = by_time(seconds{10}, {});
    window.kind = WindowKind::tumbling;
    auto extractor = opened(one_input(window));
    std::vector<std::int64_t> from;
    for (int t = -30; t <= 0; ++t)
        if (auto frame = push(extractor, t, t)) from.push_back(frame->from.ns / 1'000'000'000);
    EXPECT_EQ(from, (std::vector<std::int64_t>{-30, -20, -10}));
}

TEST(Extractor, a_gap_starts_afresh) {
    Window window = by_rows(3);
    window.max_gap = seconds{5};
    auto extractor = opened(one_input(window));
    for (int i = 1; i <= 3; ++i) push(extractor, i, i);
    EXPECT_FALSE(push(extractor, 9, 9));
    EXPECT_FALSE(push(extractor, 10, 10));
    auto frame = push(extractor, 11, 11);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->values[0], 10);
    EXPECT_EQ(extractor.rows_seen(), 3U);
}

TEST(Extractor, each_statistic_is_what_its_name_says) {
    const std::pair<Statistic, double> cases[] = {
        {Statistic::last, 9}, {Statistic::mean, 5},  {Statistic::min, 2},
        {Statistic::max, 9},  {Statistic::range, 7}, {Statistic::deviation, std::sqrt(32.0 / 7)}};
    for (const auto& [statistic, wanted] : cases) {
        auto extractor = opened(one_input(by_rows(8), statistic));
        std::optional<Frame> frame;
        int t = 0;
        for (const double value : {2, 4, 4, 4, 5, 7, 5, 9}) frame = push(extractor, ++t, value);
        ASSERT_TRUE(frame);
        EXPECT_NEAR(frame->values[0], wanted, 1e-12) << to_string(statistic);
    }
}

TEST(Extractor, deviation_survives_a_large_offset) {
    auto extractor = opened(one_input(by_rows(4), Statistic::deviation));
    std::optional<Frame> frame;
    int t = 0;
    for (const double value : {1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4})
        frame = push(extractor, ++t, value);
    EXPECT_NEAR(frame->values[0], std::sqrt(5.0 / 3), 1e-12);
}

TEST(Extractor, a_feature_can_look_at_the_end_of_the_window_only) {
    Plan plan = one_input(by_rows(4));
    plan.features.push_back({"short", 0, Statistic::mean, {2, {}}, 0, 1});
    auto extractor = opened(plan);
    std::optional<Frame> frame;
    for (int i = 1; i <= 4; ++i) frame = push(extractor, i, i);
    EXPECT_EQ(frame->values[0], 2.5);
    EXPECT_EQ(frame->values[1], 3.5);
}

TEST(Extractor, a_time_feature_can_look_at_the_end_of_the_window_only) {
    Plan plan = one_input(by_time(seconds{4}, seconds{1}));
    plan.features.push_back({"short", 0, Statistic::min, {0, seconds{2}}, 0, 1});
    auto extractor = opened(plan);
    std::optional<Frame> frame;
    for (int t = 0; t <= 4; ++t) frame = push(extractor, t, t);
    EXPECT_EQ(frame->values[1], 3);
}

TEST(Extractor, scaling_subtracts_the_center_and_divides) {
    Plan plan = one_input(by_rows(1));
    plan.features[0].center = 10;
    plan.features[0].scale = 4;
    auto extractor = opened(plan);
    auto frame = push(extractor, 1, 12);
    EXPECT_EQ(frame->scaled[0], 0.5F);
    EXPECT_EQ(frame->values[0], 12);
}

TEST(Extractor, a_missing_value_is_skipped_and_makes_the_window_uncertain) {
    auto extractor = opened(one_input(by_rows(3)));
    push(extractor, 1, 2);
    push(extractor, 2, nan);
    auto frame = push(extractor, 3, 4);
    EXPECT_EQ(frame->values[0], 3);
    EXPECT_TRUE(frame->lacking.empty());
    EXPECT_EQ(frame->quality, Quality::uncertain(Reason::not_a_number));
}

TEST(Extractor, a_bad_value_is_not_used) {
    auto extractor = opened(one_input(by_rows(2)));
    push(extractor, 1, 2);
    auto frame = push(extractor, 2, 1000, Quality::bad(Reason::range));
    EXPECT_EQ(frame->values[0], 2);
    EXPECT_EQ(frame->quality, Quality::uncertain(Reason::range));
}

TEST(Extractor, an_uncertain_value_is_used_and_reported) {
    auto extractor = opened(one_input(by_rows(2)));
    push(extractor, 1, 2, Quality::uncertain(Reason::spike));
    auto frame = push(extractor, 2, 4);
    EXPECT_EQ(frame->values[0], 3);
    EXPECT_EQ(frame->quality, Quality::uncertain(Reason::spike));
}

TEST(Extractor, too_few_usable_values_name_the_input) {
    auto extractor = opened(one_input(by_rows(4)));
    push(extractor, 1, 2);
    for (int t = 2; t <= 3; ++t) push(extractor, t, 1, Quality::bad(Reason::stuck));
    auto frame = push(extractor, 4, 1, Quality::bad(Reason::stuck));
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->lacking, "flow");
    EXPECT_TRUE(std::isnan(frame->values[0]));
    EXPECT_EQ(frame->quality, Quality::bad(Reason::stuck));
}

TEST(Extractor, held_values_stand_in_for_the_declared_number_of_rows) {
    Plan plan = one_input(by_rows(1), Statistic::last);
    plan.on_bad = OnBad::hold;
    plan.hold_rows = 2;
    auto extractor = opened(plan);
    push(extractor, 1, 7);
    EXPECT_EQ(push(extractor, 2, nan)->values[0], 7);
    auto second = push(extractor, 3, nan);
    EXPECT_EQ(second->values[0], 7);
    EXPECT_TRUE(second->quality.is_uncertain());
    EXPECT_EQ(push(extractor, 4, nan)->lacking, "flow");
}

TEST(Extractor, a_window_with_more_rows_than_allowed_says_so) {
    Window window = by_time(seconds{10}, seconds{1});
    window.max_rows = 5;
    auto extractor = opened(one_input(window));
    std::optional<Frame> frame;
    for (int t = 0; t <= 10; ++t) frame = push(extractor, t, t);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->lacking, "window.max_rows");
}

TEST(Extractor, rows_out_of_order_and_of_wrong_width_are_refused) {
    auto extractor = opened(one_input(by_rows(1)));
    push(extractor, 2, 1);
    EXPECT_FALSE(push(extractor, 2, 1));
    EXPECT_FALSE(push(extractor, 1, 1));
    const double two[] = {1, 2};
    EXPECT_FALSE(extractor.push({{9'000'000'000}, two, {}}));
    EXPECT_FALSE(extractor.push({{std::numeric_limits<std::int64_t>::max()}, {two, 1}, {}}));
    EXPECT_EQ(extractor.refused_rows(), 4U);
}

// Bits of all frames, so that NaN compares too.
std::vector<float> scores_from(Extractor& extractor, const std::vector<double>& values,
                               const std::vector<std::int64_t>& times, std::size_t from,
                               std::size_t to) {
    std::vector<float> out;
    for (std::size_t i = from; i < to; ++i)
        if (auto frame = extractor.push({{times[i]}, {&values[i], 1}, {}}))
            for (const float value : frame->scaled)
                out.push_back(std::isnan(value) ? -1e9F : value);
    return out;
}

struct Case {
    const char* name;
    Plan plan;
};

std::vector<Case> all_kinds() {
    Window tumbling_rows = by_rows(7);
    tumbling_rows.kind = WindowKind::tumbling;
    Window tumbling_time = by_time(seconds{9}, {});
    tumbling_time.kind = WindowKind::tumbling;
    Window gappy = by_rows(5, 3);
    gappy.max_gap = seconds{8};
    Plan holding = one_input(by_rows(4, 3));
    holding.on_bad = OnBad::hold;
    holding.hold_rows = 3;
    return {{"sliding rows", one_input(by_rows(6, 4))},
            {"tumbling rows", one_input(tumbling_rows)},
            {"sliding time", one_input(by_time(seconds{12}, seconds{5}))},
            {"tumbling time", one_input(tumbling_time)},
            {"gaps", one_input(gappy)},
            {"hold", holding}};
}

TEST(Extractor, replaying_its_memory_rebuilds_the_state_bit_by_bit) {
    SeededRandom random(7);
    std::vector<double> values;
    std::vector<std::int64_t> times;
    std::int64_t t = 0;
    for (int i = 0; i < 400; ++i) {
        t += 1'000'000'000 * (random.below(20) == 0 ? 15 : 1 + random.below(3));
        times.push_back(t);
        values.push_back(random.below(6) == 0 ? nan : 1e3 * random.normal());
    }
    for (auto& [name, plan] : all_kinds()) {
        plan.features.push_back({"sd", 0, Statistic::deviation, {}, 0.1, 3});
        for (std::size_t cut = 1; cut < values.size(); cut += 13) {
            auto running = opened(plan);
            scores_from(running, values, times, 0, cut);
            const auto memory = running.memory();
            std::size_t from = cut;
            while (from > 0 && (cut - from < memory.rows ||
                                times[cut - 1] - times[from - 1] <= memory.span.count()))
                --from;
            auto fresh = opened(plan);
            const std::uint64_t rows = cut - from;
            fresh.continue_from(running.rows_seen() > rows ? running.rows_seen() - rows : 0);
            scores_from(fresh, values, times, from, cut);
            ASSERT_EQ(scores_from(running, values, times, cut, values.size()),
                      scores_from(fresh, values, times, cut, values.size()))
                << name << " cut at " << cut;
        }
    }
}

TEST(Extractor, a_window_does_not_depend_on_what_came_before_it) {
    auto extractor = opened(one_input(by_rows(5)));
    auto fresh = opened(one_input(by_rows(5)));
    for (int i = 0; i < 1000; ++i) push(extractor, i, 1e17 * (i % 2 ? 1 : -1));
    std::optional<Frame> after_noise, alone;
    for (int i = 1000; i < 1005; ++i) {
        after_noise = push(extractor, i, i * 0.1);
        alone = push(fresh, i, i * 0.1);
    }
    EXPECT_EQ(after_noise->values[0], alone->values[0]);
}

TEST(Plan, faults_are_named_by_their_place) {
    const auto message = [](auto change) {
        Plan plan = one_input(by_rows(3));
        change(plan);
        const auto outcome = check(plan);
        return outcome ? std::string("accepted") : outcome.error().message;
    };
    EXPECT_EQ(message([](Plan&) {}), "accepted");
    EXPECT_EQ(message([](Plan& p) { p.features[0].scale = 0; }),
              "features[0].scale: must be a finite number other than 0");
    EXPECT_EQ(message([](Plan& p) { p.features[0].input = 1; }),
              "features[0].input: there is no such input");
    EXPECT_EQ(message([](Plan& p) {
                  p.features[0].over = {4, {}};
              }),
              "features[0].over: longer than the window");
    EXPECT_EQ(message([](Plan& p) {
                  p.window.every = {0, seconds{1}};
              }),
              "window.every: must be in rows, as window.length is");
    EXPECT_EQ(message([](Plan& p) { p.window.length = {}; }),
              "window.length: must be at least one row or a positive duration");
    EXPECT_EQ(message([](Plan& p) { p.inputs = {"a", "a"}; }), "inputs: 'a' stands twice");
    EXPECT_EQ(message([](Plan& p) { p.on_bad = OnBad::hold; }),
              "on_bad.hold_rows: must be at least 1 where values are held");
}

}  // namespace
}  // namespace mw::features
