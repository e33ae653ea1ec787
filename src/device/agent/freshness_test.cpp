#include "device/agent/freshness.h"

#include <gtest/gtest.h>

namespace mw::agent {
namespace {

SteadyTime at(nanoseconds since) { return SteadyTime{} + since; }

pipeline::Spec spec_of(const std::string& window, const std::string& fallback = "") {
    auto spec =
        pipeline::parse_spec("version: 1\ninputs: [{name: a}]\nwindow: " + window +
                             "\nfeatures: [{name: f, input: a, statistic: mean}]\n" + fallback);
    if (!spec) ADD_FAILURE() << spec.error().message;
    return spec.value();
}

nanoseconds after(const Freshness& freshness, nanoseconds now) {
    const auto next = freshness.next();
    return next ? *next - at(now) : nanoseconds{-1};
}

TEST(Freshness, what_is_declared_holds_from_the_start_and_from_each_window) {
    Freshness freshness(spec_of("{rows: 4}", "fallback: {stale_after: 5s}"));
    freshness.start(at(seconds{100}));
    EXPECT_EQ(after(freshness, seconds{100}), seconds{5});
    freshness.took(at(seconds{103}), 3, 0, false);  // rows alone decide nothing
    EXPECT_EQ(after(freshness, seconds{103}), seconds{2});
    freshness.took(at(seconds{104}), 1, 1, true);
    EXPECT_EQ(after(freshness, seconds{104}), seconds{5});
}

TEST(Freshness, zero_is_never) {
    Freshness freshness(spec_of("{rows: 4}", "fallback: {stale_after: 0s}"));
    freshness.start(at({}));
    EXPECT_FALSE(freshness.next());
}

TEST(Freshness, the_fallback_speaks_each_time_and_then_less_often) {
    Freshness freshness(spec_of("{rows: 1}", "fallback: {stale_after: 60s}"));
    freshness.start(at({}));
    std::vector<std::int64_t> minutes_between;
    nanoseconds now{0};
    for (int i = 0; i < 18; ++i) {
        minutes_between.push_back(after(freshness, now) / minutes{1});
        now += after(freshness, now);
        freshness.spoke(at(now));
        EXPECT_TRUE(freshness.stale());
    }
    EXPECT_EQ(minutes_between, (std::vector<std::int64_t>{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8, 16,
                                                          32, 60, 60, 60}));
    freshness.took(at(now), 1, 1, false);
    EXPECT_FALSE(freshness.stale());
    EXPECT_EQ(after(freshness, now), minutes{1});
}

TEST(Freshness, the_default_is_five_windows_missed_and_at_least_a_minute) {
    const struct {
        const char* window;
        nanoseconds row_every;
        nanoseconds first, then;  // stale_after before the first window, and after it
    } cases[] = {
        {"{rows: 60, every: {rows: 1}}", milliseconds{100}, minutes{5}, minutes{1}},
        {"{rows: 60, every: {rows: 60}}", seconds{1}, minutes{5}, minutes{5}},
        {"{kind: tumbling, rows: 1000}", seconds{1}, seconds{2000}, seconds{5000}},
        {"{kind: tumbling, time: 10m}", seconds{10}, seconds{1202}, seconds{3005}},
        {"{time: 10m, every: {time: 1s}}", seconds{10}, seconds{1202}, minutes{1}},
    };
    for (const auto& each : cases) {
        const pipeline::Spec spec = spec_of(each.window);
        Freshness freshness(spec);
        freshness.start(at({}));
        nanoseconds now{0};
        for (int i = 0; i < 3; ++i) freshness.took(at(now += each.row_every), 1, 0, false);
        EXPECT_EQ(freshness.stale_after(), each.first) << each.window;
        const std::uint32_t step = spec.plan.window.every.rows > 0 &&
                                           spec.plan.window.kind == features::WindowKind::sliding
                                       ? spec.plan.window.every.rows
                                       : spec.plan.window.length.rows;
        for (int i = 0; i < 5; ++i)
            for (std::uint32_t row = 1; row <= std::max(step, 1U); ++row)
                freshness.took(at(now += each.row_every), 1, row >= step ? 1 : 0, false);
        EXPECT_EQ(freshness.stale_after(), each.then) << each.window;
    }
}

TEST(Freshness, a_slower_rhythm_is_learnt_and_a_pause_is_none) {
    Freshness freshness(spec_of("{rows: 1}"));
    freshness.start(at({}));
    nanoseconds now{0};
    for (int i = 0; i < 100; ++i) freshness.took(at(now += seconds{1}), 1, 1, false);
    EXPECT_EQ(freshness.stale_after(), minutes{1});
    now += minutes{1};
    freshness.spoke(at(now));
    now += hours{10};  // the plant stands still
    freshness.took(at(now), 1, 1, false);
    EXPECT_EQ(freshness.stale_after(), minutes{5});  // as if the minute that was told were a gap
    for (int i = 0; i < 100; ++i) freshness.took(at(now += seconds{90}), 1, 1, false);
    EXPECT_EQ(freshness.stale_after(), seconds{450});
}

TEST(Freshness, recordings_sessions_and_events_have_no_default) {
    Freshness replayed(spec_of("{rows: 1}"));
    replayed.start(at({}));
    EXPECT_EQ(after(replayed, {}), minutes{5});  // nobody knows yet what will come
    replayed.took(at(seconds{1}), 1, 1, true);
    EXPECT_FALSE(replayed.next());
    Freshness session(spec_of("{kind: session, max_gap: 1m}"));
    session.start(at({}));
    EXPECT_FALSE(session.next());
    Freshness declared(spec_of("{kind: session, max_gap: 1m}", "fallback: {stale_after: 1m}"));
    declared.start(at({}));
    declared.took(at(seconds{30}), 1, 0, false);  // a row will do
    EXPECT_EQ(after(declared, seconds{30}), minutes{1});
}

}  // namespace
}  // namespace mw::agent
