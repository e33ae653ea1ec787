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
