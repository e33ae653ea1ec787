#include "insight/features/aligner.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mw::features {
namespace {

constexpr std::int64_t second = 1'000'000'000;

TEST(Aligner, a_row_leaves_as_soon_as_it_is_complete) {
    Aligner aligner({"flow", "pressure"});
    aligner.add("flow", {1 * second}, 32, Quality::good());
    EXPECT_FALSE(aligner.next());
    aligner.add("pressure", {1 * second}, 0.5, Quality::uncertain(Reason::spike));
    const auto row = aligner.next();
    ASSERT_TRUE(row);
    EXPECT_EQ(row->time.ns, second);
    EXPECT_EQ(row->values[0], 32);
    EXPECT_EQ(row->values[1], 0.5);
    EXPECT_EQ(row->quality[1], Quality::uncertain(Reason::spike));
    EXPECT_FALSE(aligner.next());
}

TEST(Aligner, frames_of_single_signals_become_rows) {
    Aligner aligner({"flow", "pressure"}, {.tolerance = {}, .wait = seconds{100}});
    Batch batch;
    batch.runs = {{"flow", "", 0, 3}, {"unknown", "", 3, 4}, {"pressure", "", 4, 7}};
    for (const int t : {1, 2, 3, 1, 1, 2, 3}) {
        batch.times.push_back({t * second});
        batch.values.push_back(static_cast<double>(batch.values.size()));
        batch.quality.push_back(Quality::good());
    }
    aligner.add(batch);
    for (int t = 1; t <= 3; ++t) {
        const auto row = aligner.next();
        ASSERT_TRUE(row);
        EXPECT_EQ(row->time.ns, t * second);
        EXPECT_EQ(row->values[0], t - 1);
        EXPECT_EQ(row->values[1], t + 3);
    }
    EXPECT_EQ(aligner.pending(), 0U);
}

// One point of each signal, of one time and one form.
Batch row_of(std::vector<std::string> signals, std::int64_t time, std::uint64_t form) {
    Batch batch;
    batch.form = form;
    for (std::uint32_t i = 0; i < signals.size(); ++i) {
        batch.runs.push_back({signals[i], "", i, i + 1});
        batch.times.push_back({time});
        batch.values.push_back(i);
        batch.quality.push_back(i == 1 ? Quality::uncertain(Reason::spike) : Quality::good());
    }
    return batch;
}

TEST(Aligner, whole_rows_in_any_order_are_as_their_points) {
    for (const auto& signals : std::vector<std::vector<std::string>>{
             {"flow", "pressure"}, {"pressure", "flow"}, {"flow", "speed", "pressure"}}) {
        Aligner whole({"flow", "pressure"}), each({"flow", "pressure"});
        const std::uint64_t form = new_form();
        for (int t = 1; t <= 3; ++t) {
            const Batch batch = row_of(signals, t * second, form);
            whole.add(batch);
            for (const auto& run : batch.runs)
                each.add(run.signal, batch.times[0], batch.values[run.begin],
                         batch.quality[run.begin]);
            const auto got = whole.next(), want = each.next();
            ASSERT_TRUE(got && want);
            EXPECT_EQ(got->time, want->time);
            EXPECT_TRUE(std::ranges::equal(got->values, want->values));
            EXPECT_TRUE(std::ranges::equal(got->quality, want->quality));
            EXPECT_TRUE(std::ranges::equal(whole.came(), each.came()));
            EXPECT_EQ(whole.consumed(), each.consumed());
        }
    }
}

TEST(Aligner, a_whole_row_behind_one_that_waits_keeps_its_place) {
    Aligner aligner({"flow", "pressure"}, {.tolerance = {}, .wait = seconds{10}});
    const std::uint64_t form = new_form();
    aligner.add("flow", {1 * second}, 7, Quality::good());
    aligner.add(row_of({"flow", "pressure"}, 2 * second, form));
    EXPECT_FALSE(aligner.next());
    aligner.add("pressure", {1 * second}, 8, Quality::good());
    for (const std::int64_t t : {1, 2}) {
        const auto row = aligner.next();
        ASSERT_TRUE(row);
        EXPECT_EQ(row->time.ns, t * second);
    }
    aligner.add(row_of({"flow", "pressure"}, 2 * second, form));
    EXPECT_FALSE(aligner.next()) << "its time has left already";
    EXPECT_EQ(aligner.late_points(), 2U);
}

TEST(Aligner, an_incomplete_row_leaves_after_the_wait_with_what_is_missing_not_a_number) {
    Aligner aligner({"flow", "pressure"}, {.tolerance = {}, .wait = seconds{2}});
    for (int t = 1; t <= 3; ++t) aligner.add("flow", {t * second}, t, Quality::good());
    EXPECT_FALSE(aligner.next());
    aligner.add("flow", {4 * second}, 4, Quality::good());
    const auto row = aligner.next();
    ASSERT_TRUE(row);
    EXPECT_EQ(row->time.ns, second);
    EXPECT_TRUE(std::isnan(row->values[1]));
    EXPECT_FALSE(aligner.next());
}

TEST(Aligner, complete_rows_keep_their_place_behind_an_incomplete_one) {
    Aligner aligner({"flow", "pressure"}, {.tolerance = {}, .wait = seconds{10}});
    aligner.add("flow", {1 * second}, 1, Quality::good());
    aligner.add("flow", {2 * second}, 2, Quality::good());
    aligner.add("pressure", {2 * second}, 2, Quality::good());
    EXPECT_FALSE(aligner.next());
    aligner.add("pressure", {1 * second}, 1, Quality::good());
    EXPECT_EQ(aligner.next()->time.ns, 1 * second);
    EXPECT_EQ(aligner.next()->time.ns, 2 * second);
}

TEST(Aligner, times_within_the_tolerance_are_one_row) {
    Aligner aligner({"flow", "pressure"}, {.tolerance = milliseconds{10}});
    aligner.add("flow", {1 * second}, 1, Quality::good());
    aligner.add("pressure", {1 * second + 9'000'000}, 2, Quality::good());
    const auto row = aligner.next();
    ASSERT_TRUE(row);
    EXPECT_EQ(row->time.ns, 1 * second);
    EXPECT_EQ(row->values[1], 2);
}

TEST(Aligner, a_later_value_for_the_same_time_wins_while_the_row_waits) {
    Aligner aligner({"flow", "pressure"});
    aligner.add("flow", {1 * second}, 1, Quality::good());
    aligner.add("flow", {1 * second}, 5, Quality::good());
    aligner.add("pressure", {1 * second}, 2, Quality::good());
    EXPECT_EQ(aligner.next()->values[0], 5);
}

TEST(Aligner, points_for_rows_that_left_are_counted_as_late) {
    Aligner aligner({"flow"});
    aligner.add("flow", {2 * second}, 1, Quality::good());
    EXPECT_TRUE(aligner.next());
    aligner.add("flow", {2 * second}, 1, Quality::good());
    aligner.add("flow", {1 * second}, 1, Quality::good());
    EXPECT_FALSE(aligner.next());
    EXPECT_EQ(aligner.late_points(), 2U);
}

TEST(Aligner, too_many_waiting_rows_push_the_oldest_out) {
    Aligner aligner({"flow", "pressure"}, {.tolerance = {}, .wait = hours{1}, .max_pending = 2});
    for (int t = 1; t <= 3; ++t) aligner.add("flow", {t * second}, t, Quality::good());
    EXPECT_EQ(aligner.next()->time.ns, second);
    EXPECT_FALSE(aligner.next());
}

TEST(Aligner, flush_lets_the_rest_go) {
    Aligner aligner({"flow", "pressure"});
    aligner.add("flow", {1 * second}, 1, Quality::good());
    aligner.flush();
    EXPECT_TRUE(aligner.next());
    EXPECT_FALSE(aligner.next());
}

// Rows of (time in seconds) that leave while single values of two signals come in turn.
std::vector<std::int64_t> rows_of(Aligner& aligner, const std::vector<std::int64_t>& times) {
    std::vector<std::int64_t> left;
    for (const std::int64_t t : times) {
        aligner.add("flow", {t * second}, 1, Quality::good());
        aligner.add("pressure", {t * second}, 2, Quality::good());
        while (const auto row = aligner.next()) left.push_back(row->time.ns / second);
    }
    return left;
}

TEST(Aligner, a_time_far_ahead_does_not_make_what_follows_late) {
    constexpr std::int64_t year = 365 * 24 * 3600;
    const struct {
        const char* name;
        std::vector<std::int64_t> times;
        std::vector<std::int64_t> rows;
        std::uint64_t ahead;
    } cases[] = {
        {"once", {1, 2, year, 3, 4}, {1, 2, 3, 4}, 2},
        {"twice in a row", {1, year, year + 1, 2, 3}, {1, 2, 3}, 4},
        {"again and again", {1, year, 2, year, 3, year, 4}, {1, 2, 3, 4}, 6},
        {"each elsewhere", {1, year, 2 * year, 3 * year, 4 * year, 2}, {1, 2}, 8},
        {"a real pause",
         {1, 2, year, year + 1, year + 2, year + 3},
         {1, 2, year, year + 1, year + 2, year + 3},
         0},
        {"a pause, then a wrong one",
         {1, year, year + 1, year + 2, 2 * year, year + 3},
         {1, year, year + 1, year + 2, year + 3},
         2},
        {"within what is allowed", {1, 86'401, 2 * 86'400}, {1, 86'401, 2 * 86'400}, 0},
        {"the same time for ever", std::vector<std::int64_t>(40, year), {year}, 0},
    };
    for (const auto& row : cases) {
        Aligner aligner({"flow", "pressure"});
        EXPECT_EQ(rows_of(aligner, row.times), row.rows) << row.name;
        EXPECT_EQ(aligner.ahead_points(), row.ahead) << row.name;
    }
}

TEST(Aligner, one_signal_with_a_wrong_clock_leaves_the_others_alone) {
    Aligner aligner({"flow", "pressure"}, {.wait = seconds{1}, .max_ahead = hours{1}});
    std::vector<std::int64_t> left;
    for (std::int64_t t = 1; t <= 50; ++t) {
        aligner.add("flow", {t * second}, 1, Quality::good());
        aligner.add("pressure", {(t + 10'000'000) * second}, 2, Quality::good());
        while (const auto row = aligner.next()) left.push_back(row->time.ns / second);
    }
    EXPECT_EQ(left.size(), 48U);
    EXPECT_EQ(left.front(), 1);
    EXPECT_EQ(aligner.late_points(), 0U);
    EXPECT_EQ(aligner.ahead_points(), 49U);
}

TEST(Aligner, what_is_set_aside_is_bounded) {
    Aligner aligner({"flow", "pressure"});
    aligner.add("flow", {1 * second}, 1, Quality::good());
    for (int i = 0; i < 1'000; ++i) aligner.add("flow", {900'000 * second}, i, Quality::good());
    EXPECT_GE(aligner.ahead_points(), 980U);
    EXPECT_EQ(aligner.pending(), 1U);
}

TEST(Aligner, a_restored_position_is_what_times_are_judged_by) {
    Aligner aligner({"flow"});
    aligner.skip_to({10 * second});
    aligner.add("flow", {900'000 * second}, 1, Quality::good());
    EXPECT_FALSE(aligner.next());
    aligner.add("flow", {11 * second}, 1, Quality::good());
    EXPECT_EQ(aligner.next()->time.ns, 11 * second);
    EXPECT_EQ(aligner.ahead_points(), 1U);
}

TEST(Aligner, without_a_limit_every_time_is_believed) {
    Aligner aligner({"flow"}, {.max_ahead = nanoseconds{0}});
    aligner.add("flow", {1 * second}, 1, Quality::good());
    aligner.add("flow", {900'000'000 * second}, 1, Quality::good());
    EXPECT_EQ(aligner.next()->time.ns, second);
    EXPECT_EQ(aligner.next()->time.ns, 900'000'000 * second);
}

TEST(Aligner, batches_of_one_form_are_looked_up_once_and_right_after_another_form) {
    Aligner aligner({"a", "b"});
    const auto frame = [](std::uint64_t form, std::vector<std::string> signals, std::int64_t time) {
        Batch batch;
        batch.form = form;
        for (std::uint32_t i = 0; i < signals.size(); ++i) {
            batch.runs.push_back({signals[i], "", i, i + 1});
            batch.times.push_back({time});
            batch.values.push_back(static_cast<double>(time * 10 + i));
            batch.quality.push_back(Quality::good());
        }
        return batch;
    };
    const std::uint64_t one = new_form(), other = new_form();
    const struct {
        std::uint64_t form;
        std::vector<std::string> signals;
        std::vector<double> row;
    } rows[] = {{one, {"a", "x", "b"}, {10, 12}},
                {one, {"a", "x", "b"}, {20, 22}},
                {other, {"b", "a"}, {31, 30}},
                {0, {"a", "b"}, {40, 41}},
                {one, {"a", "x", "b"}, {50, 52}}};
    std::int64_t time = 0;
    for (const auto& each : rows) {
        aligner.add(frame(each.form, each.signals, ++time));
        const auto row = aligner.next();
        ASSERT_TRUE(row);
        EXPECT_EQ(std::vector<double>(row->values.begin(), row->values.end()), each.row);
    }
}

TEST(Aligner, one_signal_may_feed_two_inputs) {
    Aligner aligner({"flow", "flow"});
    aligner.add("flow", {1 * second}, 3, Quality::good());
    const auto row = aligner.next();
    ASSERT_TRUE(row);
    EXPECT_EQ(row->values[0], 3);
    EXPECT_EQ(row->values[1], 3);
}

}  // namespace
}  // namespace mw::features
