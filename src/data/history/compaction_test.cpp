// Compaction: what is chosen, that every row stays there once, and what becomes of the old files.
#include "data/history/compaction.h"

#include "data/history/history_fixture.h"
#include "data/history/segment_place.h"
#include "data/history/slices.h"

namespace mw::history {
namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;
constexpr std::int64_t midnight = 20'000 * 24 * hour_ns;

SegmentFile file_of(std::uint64_t generation, double from_hour, double to_hour,
                    bool compacted = false) {
    SegmentFile file;
    file.path = "points/day=x/" + std::to_string(generation);
    file.generation = generation;
    file.rows = 1000;
    file.time_min = {midnight + static_cast<std::int64_t>(from_hour * hour_ns)};
    file.time_max = {midnight + static_cast<std::int64_t>(to_hour * hour_ns)};
    file.compacted = compacted;
    file.hold = std::make_shared<const SegmentFile::Hold>();
    return file;
}

std::string chosen(const std::vector<SegmentFile>& files, const CompactionRule& rule) {
    auto compaction = choose_compaction(files, rule);
    if (!compaction) return "none";
    std::string text;
    for (const auto& file : compaction->inputs) text += std::to_string(file.generation) + " ";
    text += "->";
    for (const auto& span : compaction->spans)
        text +=
            day_of(span.from) == day_of(span.to)
                ? " " + std::to_string(slice_of(span.from) - day_of({midnight}) * slices_per_day)
                : " month";
    return text;
}

TEST(Compaction, waits_for_a_slice_or_for_quiet_and_takes_what_lies_in_the_same_slices) {
    struct Case {
        std::vector<SegmentFile> files;
        CompactionRule rule;
        std::string want;
    };
    CompactionRule busy, quiet, at_once, few;
    quiet.now = {hours{2} / nanoseconds{1}};
    at_once.at_once = true;
    few.files_max = 3;
    auto not_today = at_once;
    not_today.skip = {day_of({midnight})};
    const Case cases[] = {
        {{}, at_once, "none"},
        {{file_of(1, 0, 23)}, at_once, "none"},
        {{file_of(1, 0, 1), file_of(2, 1, 2)}, busy, "none"},
        {{file_of(1, 0, 1), file_of(2, 1, 2)}, quiet, "1 2 -> 0"},
        {{file_of(1, 0, 1), file_of(2, 1, 2)}, at_once, "1 2 -> 0"},
        {{file_of(1, 0, 1), file_of(2, 1, 4.5)}, busy, "1 2 -> 0 1"},
        // A compacted file is taken when something lies in its slice, and only then.
        {{file_of(1, 0, 3, true), file_of(1, 4, 5, true), file_of(2, 6, 7)}, quiet, "1 2 -> 1"},
        {{file_of(1, 0, 3, true), file_of(2, 4, 5)}, quiet, "none"},
        {{file_of(1, 0, 3, true), file_of(2, 20, 25 - 1.01)}, at_once, "none"},
        // Of too many the oldest come first.
        {{file_of(1, 0, 1), file_of(2, 1, 2), file_of(3, 2, 3), file_of(4, 3, 3.5)},
         few,
         "1 2 3 -> 0"},
        {{file_of(1, 0, 1), file_of(2, 1, 2)}, not_today, "none"},
        // The next day is another matter.
        {{file_of(1, 0, 1), file_of(2, 24, 25)}, at_once, "none"},
    };
    for (const auto& c : cases) EXPECT_EQ(chosen(c.files, c.rule), c.want);
}

TEST(Compaction, a_month_that_is_over_and_has_few_points_becomes_one_file) {
    // From 2024-10-04: 28 days of October, and November.
    const double november = 28 * 24;
    const auto o1 = file_of(1, 1, 2), o2 = file_of(2, 25, 26, true),
               n = file_of(3, november, november + 1);
    auto many = file_of(2, 25, 26);
    many.rows = month_rows_max;
    auto wide = file_of(2, 1, 26, true), late = file_of(4, 30, 31), much = late;
    much.rows = month_rows_max;
    CompactionRule at_once, soon, later;
    at_once.at_once = true;
    soon.now = {hours{2} / nanoseconds{1}};
    later.now = {hours{24} / nanoseconds{1}};
    auto skipped = at_once;
    skipped.skip = {day_of({midnight})};
    EXPECT_EQ(chosen({o1, o2, n}, at_once), "1 2 -> month");
    EXPECT_EQ(chosen({o1, o2, n}, later), "1 2 -> month");
    EXPECT_EQ(chosen({o1, o2, n}, soon), "none") << "points of the last day may be late";
    EXPECT_EQ(chosen({o1, o2}, at_once), "none") << "it is not over";
    EXPECT_EQ(chosen({o1, n}, at_once), "none") << "one day is a file already";
    EXPECT_EQ(chosen({o1, many, n}, at_once), "none");
    EXPECT_EQ(chosen({o1, o2, n}, skipped), "none");
    // Late points go into it, or cut it when they are many.
    EXPECT_EQ(chosen({wide, n}, at_once), "none");
    EXPECT_EQ(chosen({wide, n, late}, soon), "2 4 -> month");
    EXPECT_EQ(chosen({wide, n, much}, at_once), "2 4 -> 0 1 2 3 4 5 6 7");
    EXPECT_EQ(chosen({wide, late}, at_once), "2 4 -> month") << "also when it is the newest";
}

TEST(Compaction, a_little_is_not_merged_into_a_lot_at_once) {
    auto big = file_of(1, 0, 3.9, true);
    big.rows = 9000;
    auto late = file_of(2, 0, 5);
    CompactionRule busy;
    EXPECT_EQ(chosen({big, late}, busy), "none");
    late.rows = 3000;
    EXPECT_EQ(chosen({big, late}, busy), "1 2 -> 0 1");
}

TEST(Compaction, names_and_slices_reach_to_the_ends_of_time) {
    for (auto time :
         {time_lowest, Timestamp{-1}, Timestamp{0}, Timestamp{midnight}, time_highest}) {
        EXPECT_TRUE(span_of_day(day_of(time)).holds(time));
        EXPECT_TRUE(span_of_slice(slice_of(time)).holds(time));
        EXPECT_TRUE(span_of_month(month_of(time)).holds(time));
        EXPECT_EQ(day_of_slice(slice_of(time)), day_of(time));
    }
    EXPECT_EQ(slice_of({-1}), -1);
    for (SegmentName name : {SegmentName{7, 0}, SegmentName{7, 12}}) {
        auto found = segment_name_in(segment_file_name(name, ".parquet"));
        ASSERT_TRUE(found.has_value());
        EXPECT_EQ(found->generation, name.generation);
        EXPECT_EQ(found->rewrite, name.rewrite);
    }
    for (auto other : {"notes", "00000000000000000007", "0000000000000000000x.parquet",
                       "00000000000000000007-1.parquet", "00000000000000000007-0000000000.parquet"})
        EXPECT_FALSE(segment_name_in(other).has_value()) << other;
}

class HistoryCompaction : public HistoryFixture {
 protected:
    void send(const Batch& batch) {
        ASSERT_TRUE(history_->append(batch).ok());
        note(batch, sent_);
    }
    void seal() { ASSERT_TRUE(wait(history_->seal_now()).ok()); }
    void compact() {
        auto outcome = wait(history_->compact_now());
        ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    }
    std::vector<std::string> paths() {
        std::vector<std::string> paths;
        for (const auto& file : history_->snapshot_here({}).points) paths.push_back(file.path);
        return paths;
    }
    std::size_t on_disk(const std::string& table) {
        std::size_t count = 0;
        auto root = files::join(options_.directory, table);
        const auto days = files_->list(root).value();
        for (const auto& day : days)
            count += files_->list(files::join(root, day.name)).value().size();
        return count;
    }
    static std::vector<std::int64_t> hourly(int from, int to) {
        std::vector<std::int64_t> times;
        for (int hour = from; hour < to; ++hour) times.push_back(midnight + hour * hour_ns);
        return times;
    }
    Rows sent_;
};

TEST_F(HistoryCompaction, keeps_a_month_of_few_points_in_one_file_through_late_ones_and_erasure) {
    ASSERT_TRUE(open());
    for (int day = 0; day < 45; ++day) {  // 28 of October, 17 of November
        send(batch("a", "p", hourly(day * 24, day * 24 + 3), day));
        send(batch("b", "p", hourly(day * 24, day * 24 + 1), day));
        if (day % 9 == 8) seal();
    }
    EXPECT_EQ(paths().size(), 45u);
    compact();
    EXPECT_EQ(paths().size(), 1u + 17u);
    EXPECT_EQ(on_disk("rollups"), 18u);
    EXPECT_EQ(rows(), sent_);

    send(batch("a", "p", hourly(100, 101), 1000));
    send(batch("a", "p", hourly(24, 25), 1000));  // again: the newer one wins
    seal();
    EXPECT_EQ(rows(), sent_);
    compact();
    EXPECT_EQ(paths().size(), 1u + 17u);
    EXPECT_EQ(rows(), sent_);

    auto erased = wait(history_->erase({"b"}));
    ASSERT_TRUE(erased.ok()) << erased.error().message;
    EXPECT_EQ(erased->points, 45u);
    std::erase_if(sent_, [](const auto& row) { return row.first.device == "b"; });
    EXPECT_EQ(rows(), sent_);
    EXPECT_EQ(paths().size(), 1u + 17u);
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(rows(), sent_);
}

TEST_F(HistoryCompaction, merges_a_day_into_slices_and_ends_overlaps) {
    ASSERT_TRUE(open());
    send(batch("a", "p", hourly(0, 9), 1));
    send(batch("b", "p", hourly(0, 2), 1));
    seal();
    send(batch("a", "p", hourly(9, 10), 1));
    send(batch("a", "p", hourly(3, 5), 100));  // again: the newer ones win
    seal();
    send(batch("a", "p", hourly(24, 26), 1));  // another day
    seal();
    ASSERT_TRUE(history_->snapshot_here({}).overlaps);
    compact();
    auto snapshot = history_->snapshot_here({});
    EXPECT_FALSE(snapshot.overlaps);
    EXPECT_EQ(snapshot.points.size(), 4u);  // slices 0, 1, 2 and the other day
    EXPECT_EQ(rows_of(snapshot), sent_);
    EXPECT_EQ(on_disk("points"), 4u);
    EXPECT_EQ(on_disk("rollups"), 4u);
    EXPECT_EQ(history_->figures().sealed_points, sent_.size());
    for (const auto& file : snapshot.points)
        EXPECT_TRUE(!file.compacted || slice_of(file.time_min) == slice_of(file.time_max));
    EXPECT_EQ(counted("compactions_total"), 1u);
    auto before = paths();
    compact();  // nothing is left to do
    EXPECT_EQ(paths(), before);
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_EQ(paths(), before);
    EXPECT_EQ(rows(), sent_);
    EXPECT_EQ(history_->report().removed_files, 0u);
}

TEST_F(HistoryCompaction, files_stay_until_the_last_snapshot_of_them_is_gone) {
    ASSERT_TRUE(open());
    for (int hour = 0; hour < 3; ++hour) {
        send(batch("a", "p", hourly(hour, hour + 1)));
        seal();
    }
    auto snapshot = std::make_unique<HistorySnapshot>(history_->snapshot_here({}));
    compact();
    EXPECT_EQ(on_disk("points"), 4u);
    EXPECT_EQ(rows_of(*snapshot), sent_);
    EXPECT_EQ(rows(), sent_);
    snapshot.reset();
    compact();
    EXPECT_EQ(on_disk("points"), 1u);
    EXPECT_EQ(rows(), sent_);
}

TEST_F(HistoryCompaction, a_full_entry_written_meanwhile_knows_the_new_files_only) {
    ASSERT_TRUE(open());
    // Names fill the catalog until its next entry has to be a full one.
    auto long_name = std::string(3000, 'x');
    for (int i = 0; i < 700; ++i) {
        send(batch("d" + std::to_string(i % 2) + long_name, "s" + std::to_string(i), hourly(0, 1)));
        if (i % 70 == 0) seal();
    }
    seal();
    compact();
    send(batch("a", "p", hourly(1, 2)));
    seal();
    compact();
    auto before = paths();
    EXPECT_EQ(before.size(), 1u);
    ASSERT_TRUE(restart_after_power_cut());
    EXPECT_TRUE(history_->report().missing.empty());
    EXPECT_EQ(paths(), before);
    EXPECT_EQ(rows(), sent_);
}

TEST_F(HistoryCompaction, a_failing_merge_changes_nothing_and_is_tried_again) {
    ASSERT_TRUE(open());
    for (int hour = 0; hour < 3; ++hour) {
        send(batch("a", "p", hourly(hour, hour + 1)));
        seal();
    }
    auto before = paths();
    writer_.failures = 1;
    EXPECT_FALSE(wait(history_->compact_now()).ok());
    EXPECT_EQ(paths(), before);
    EXPECT_EQ(on_disk("points"), 3u);
    EXPECT_TRUE(files_->list(files::join(options_.directory, "tmp")).value().empty());
    EXPECT_EQ(counted("compaction_failures_total"), 1u);
    compact();
    EXPECT_EQ(paths().size(), 1u);
    EXPECT_EQ(rows(), sent_);
}

TEST_F(HistoryCompaction, acknowledgements_and_seals_go_on_while_a_merge_stands_still) {
    ASSERT_TRUE(open());
    for (int hour = 0; hour < 3; ++hour) {
        send(batch("a", "p", hourly(hour, hour + 1)));
        seal();
    }
    std::binary_semaphore gate{0};
    writer_.merge_gate = &gate;
    auto compacting = [this]() -> Task<bool> {
        auto outcome = co_await history_->compact_now();
        co_return outcome.ok();
    };
    bool merged = false;
    Scope scope(*loop_);
    auto follow = [&]() -> Task<> {
        auto running = compacting();
        auto outcome = co_await std::move(running);
        merged = outcome.ok() && *outcome;
        co_return Result<>{};
    };
    scope.spawn(follow());
    send(batch("b", "p", hourly(0, 3)));
    ASSERT_TRUE(wait(history_->flush()).ok());
    seal();
    EXPECT_FALSE(merged);
    EXPECT_EQ(paths().size(), 4u);
    gate.release(1);
    auto joining = [&]() -> Task<> { co_return co_await scope.join(); };
    ASSERT_TRUE(wait(joining()).ok());
    EXPECT_TRUE(merged);
    EXPECT_EQ(rows(), sent_);
}

}  // namespace
}  // namespace mw::history
