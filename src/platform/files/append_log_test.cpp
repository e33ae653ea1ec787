#include "platform/files/append_log.h"

#include <gtest/gtest.h>

#include "platform/files/files.h"
#include "platform/files/spare_segment.h"

namespace mw::files {
namespace {

using Frames = std::vector<std::pair<std::uint64_t, std::string>>;

class Log : public testing::Test {
 protected:
    std::string root() const { return join(folder_.path(), "root"); }
    AppendLogOptions options(std::size_t segment_bytes = 1 << 20) const {
        return {root(), "test", segment_bytes, 1 << 16, 1, false};
    }
    // Opens and replays into `seen_`.
    Result<AppendLog> open(Files& files, AppendLogOptions options) {
        seen_.clear();
        return AppendLog::open(files, options, [this](const LogFrame& frame) {
            seen_.emplace_back(frame.number, std::string(text_of(frame.payload)));
        });
    }
    Frames read_all_frames(AppendLog& log, std::uint64_t from) {
        Frames frames;
        AppendLog::Cursor cursor{from};
        for (;;) {
            auto frame = log.read(cursor);
            if (!frame || frame->number == 0) return frames;
            frames.emplace_back(frame->number, std::string(text_of(frame->payload)));
        }
    }
    std::string segment_path(std::size_t index) {
        return join(root(), real_.list(root()).value()[index].name);
    }
    void flip(const std::string& path, std::uint64_t offset) {
        auto file = std::move(real_.open(path, Mode::write, 0640)).value();
        Bytes byte(1);
        ASSERT_EQ(file->read_at(offset, byte).value(), 1u);
        byte[0] ^= 0x40;
        ASSERT_TRUE(file->write_at(offset, byte));
    }
    TemporaryDirectory folder_ = std::move(TemporaryDirectory::make()).value();
    RealFiles real_;
    Frames seen_;
};

TEST_F(Log, gives_back_what_was_appended_in_order_after_reopening) {
    {
        auto log = std::move(open(real_, options())).value();
        EXPECT_EQ(log.next(), 1u);
        EXPECT_EQ(log.append(bytes_of("one")).value(), 1u);
        EXPECT_EQ(log.append(bytes_of("")).value(), 2u);
        FrameGroup group;
        group.add(3, bytes_of("three"));
        group.add(7, bytes_of("seven"));
        ASSERT_TRUE(log.commit(group));
        EXPECT_EQ(log.next(), 8u);
    }
    auto log = std::move(open(real_, options())).value();
    EXPECT_EQ(seen_, (Frames{{1, "one"}, {2, ""}, {3, "three"}, {7, "seven"}}));
    EXPECT_EQ(log.next(), 8u);
    EXPECT_TRUE(log.report().damage.empty());
    EXPECT_EQ(log.report().torn_bytes, 0u);
    EXPECT_EQ(read_all_frames(log, 3), (Frames{{3, "three"}, {7, "seven"}}));
}

TEST_F(Log, rotates_and_drops_whole_segments) {
    auto log = std::move(open(real_, options(200))).value();
    for (int i = 1; i <= 20; ++i) ASSERT_TRUE(log.append(bytes_of(std::string(40, 'x'))).ok());
    EXPECT_GT(log.segments(), 5u);
    AppendLog::Cursor early{3};
    EXPECT_EQ(log.read(early)->number, 3u);
    ASSERT_TRUE(log.drop(10));
    EXPECT_LE(log.first(), 11u);
    EXPECT_GT(log.first(), 8u);
    EXPECT_EQ(log.read(early)->number, log.first());  // what it stood in is gone
    ASSERT_TRUE(log.drop(1000));
    EXPECT_EQ(log.segments(), 1u);
    EXPECT_EQ(log.next(), 21u);
    auto again = std::move(open(real_, options(200))).value();
    EXPECT_EQ(again.next(), 21u);
}

TEST_F(Log, a_cursor_waits_at_the_end_and_goes_on_with_what_comes) {
    auto log = std::move(open(real_, options(300))).value();
    AppendLog::Cursor cursor{1};
    EXPECT_EQ(log.read(cursor)->number, 0u);
    for (std::uint64_t n = 1; n <= 50; ++n) {
        auto text = std::string(n, 'a');
        ASSERT_TRUE(log.append(bytes_of(text)).ok());
        auto frame = log.read(cursor);
        ASSERT_TRUE(frame.ok());
        ASSERT_EQ(frame->number, n);
        EXPECT_EQ(text_of(frame->payload), text);
        ASSERT_EQ(log.read(cursor)->number, 0u);
    }
}

TEST_F(Log, a_tail_torn_at_any_byte_is_cut_and_what_was_whole_stays) {
    std::uint64_t whole = 0;
    {
        auto log = std::move(open(real_, options())).value();
        ASSERT_TRUE(log.append(bytes_of("first")).ok());
        whole = log.bytes();
        ASSERT_TRUE(log.append(bytes_of("second")).ok());
    }
    auto bytes = read_all(real_, segment_path(0)).value();
    for (auto cut = bytes.size(); cut-- > whole;) {
        ASSERT_TRUE(atomic_replace(real_, segment_path(0), ByteView(bytes).first(cut)));
        auto log = std::move(open(real_, options())).value();
        EXPECT_EQ(seen_, (Frames{{1, "first"}})) << cut;
        auto torn = cut - whole;  // a whole mark may stay
        EXPECT_EQ(log.report().torn_bytes, torn >= 20 ? torn - 20 : torn);
        EXPECT_TRUE(log.report().damage.empty());
        EXPECT_EQ(log.append(bytes_of("again")).value(), 2u);
        ASSERT_TRUE(open(real_, options()).ok());
        EXPECT_EQ(seen_.back().second, "again");
    }
}

TEST_F(Log, rot_in_the_middle_is_reported_and_the_rest_is_readable) {
    std::vector<std::uint64_t> ends;
    {
        auto log = std::move(open(real_, options())).value();
        for (auto text : {"one", "two", "three", "four"}) {
            ASSERT_TRUE(log.append(bytes_of(text)).ok());
            ends.push_back(log.bytes());
        }
    }
    flip(segment_path(0), ends[1] - 1);  // the last byte of "two"
    auto log = std::move(open(real_, options())).value();
    EXPECT_EQ(seen_, (Frames{{1, "one"}, {3, "three"}, {4, "four"}}));
    ASSERT_EQ(log.report().damage.size(), 1u);
    auto damage = log.report().damage[0];
    EXPECT_EQ(damage.path, segment_path(0));
    EXPECT_GE(damage.offset, ends[0]);
    EXPECT_LE(damage.offset + damage.bytes, ends[2]);
    EXPECT_EQ(damage.after_number, 1u);
    EXPECT_EQ(damage.before_number, 3u);
    EXPECT_EQ(read_all_frames(log, 1), seen_);
    EXPECT_EQ(log.append(bytes_of("five")).value(), 5u);
}

TEST_F(Log, rot_of_a_segment_header_or_tail_is_told_apart_from_a_torn_tail) {
    {
        auto log = std::move(open(real_, options(150))).value();
        for (int i = 1; i <= 6; ++i) ASSERT_TRUE(log.append(bytes_of(std::string(30, 'x'))).ok());
        ASSERT_GE(log.segments(), 3u);
    }
    flip(segment_path(1), 33);                                               // in its header
    flip(segment_path(0), real_.size(segment_path(0)).value().value() - 1);  // in its last frame
    auto log = std::move(open(real_, options(150))).value();
    ASSERT_EQ(log.report().damage.size(), 2u);
    EXPECT_EQ(log.report().damage[0].path, segment_path(0));
    EXPECT_EQ(log.report().damage[1].path, segment_path(1));
    EXPECT_EQ(seen_.back().first, 6u);
    EXPECT_EQ(seen_.size(), 5u);
    EXPECT_EQ(log.append(bytes_of("seven")).value(), 7u);
}

TEST_F(Log, frames_behind_a_hole_that_was_never_synced_are_cut) {
    {
        auto log = std::move(open(real_, options())).value();
        ASSERT_TRUE(log.append(bytes_of("one")).ok());
        FrameGroup group;
        group.add(2, bytes_of("two"));
        group.add(3, bytes_of("three"));
        ASSERT_TRUE(log.commit(group));
    }
    auto bytes = read_all(real_, segment_path(0)).value();
    flip(segment_path(0), bytes.size() - 26);  // in "two"; no later mark says that it was synced
    auto log = std::move(open(real_, options())).value();
    EXPECT_EQ(seen_, (Frames{{1, "one"}}));
    EXPECT_GT(log.report().torn_bytes, 0u);
    EXPECT_TRUE(log.report().damage.empty());
}

TEST_F(Log, another_purpose_or_version_is_refused) {
    { ASSERT_TRUE(open(real_, options()).value().append(bytes_of("x")).ok()); }
    auto other = options();
    other.purpose = "outbox";
    auto refused = open(real_, other);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Errc::corrupt);
    EXPECT_NE(refused.error().message.find("\"test\""), std::string::npos);
}

TEST_F(Log, numbers_start_behind_those_used_elsewhere) {
    auto used = options();
    used.next_number_min = 100;
    auto log = std::move(open(real_, used)).value();
    EXPECT_EQ(log.append(bytes_of("x")).value(), 100u);
}

TEST_F(Log, a_group_that_failed_to_sync_is_written_again_elsewhere_and_read_once) {
    auto files = std::move(FaultyFiles::open(root(), 5)).value();
    {
        auto log = std::move(open(*files, options())).value();
        ASSERT_TRUE(log.append(bytes_of("one")).ok());
        FrameGroup group;
        group.add(2, bytes_of("two"));
        files->fail(Call::sync, 1, Fault::io_error);
        files->fail(Call::truncate, 1, Fault::io_error);  // it can't even be taken back
        EXPECT_EQ(log.commit(group).error().code, Errc::io_failed);
        EXPECT_EQ(log.next(), 2u);
        ASSERT_TRUE(log.commit(group));
    }
    ASSERT_TRUE(files->power_cut());
    auto log = std::move(open(real_, options())).value();
    EXPECT_EQ(seen_, (Frames{{1, "one"}, {2, "two"}}));
    EXPECT_TRUE(log.report().damage.empty());
}

TEST_F(Log, a_full_disk_refuses_and_recovers) {
    auto files = std::move(FaultyFiles::open(root(), 5)).value();
    auto log = std::move(open(*files, options())).value();
    ASSERT_TRUE(log.append(bytes_of("one")).ok());
    files->limit_space(30);
    FrameGroup group;
    group.add(2, bytes_of(std::string(100, 'x')));
    EXPECT_EQ(log.commit(group).error().code, Errc::overloaded);
    EXPECT_EQ(log.commit(group).error().code, Errc::overloaded);
    files->limit_space(std::nullopt);
    ASSERT_TRUE(log.commit(group));
    EXPECT_EQ(log.segments(), 1u);
    auto again = std::move(open(real_, options())).value();
    EXPECT_EQ(seen_.size(), 2u);
}

TEST_F(Log, small_groups_take_the_place_of_zeros_and_the_file_does_not_grow) {
    const std::string copy = join(folder_.path(), "copy");
    std::uint64_t exact = 0;
    {
        auto log = std::move(open(real_, options())).value();
        EXPECT_FALSE(log.wants_spare()) << "hardly used";
        for (int i = 0; i < 20; ++i) ASSERT_TRUE(log.append(bytes_of("grows")).ok());
        EXPECT_TRUE(log.wants_spare());
        log.use_spare(std::move(make_spare_segment(real_, root(), 1 << 20)).value());
        EXPECT_FALSE(log.wants_spare()) << "it has one";
        for (int i = 0; i < 20; ++i) ASSERT_TRUE(log.append(bytes_of("does not")).ok());
        EXPECT_FALSE(log.wants_spare()) << "there is room";
        EXPECT_EQ(log.segments(), 2u);
        EXPECT_EQ(real_.size(segment_path(1)).value().value(), std::uint64_t{1} << 20);
        EXPECT_EQ(read_all_frames(log, 1).size(), 40u);
        exact = log.bytes();
        // What another process finds after a kill.
        ASSERT_TRUE(real_.make_directories(copy).ok());
        for (std::size_t i = 0; i < 2; ++i) {
            const Bytes bytes = read_all(real_, segment_path(i)).value();
            ASSERT_TRUE(atomic_replace(real_, join(copy, name_of(segment_path(i))), bytes).ok());
        }
    }
    auto killed = options();
    killed.directory = copy;
    auto log = std::move(open(real_, killed)).value();
    EXPECT_EQ(seen_.size(), 40u);
    EXPECT_EQ(log.report().torn_bytes, 0u) << "zeros are not torn";
    EXPECT_EQ(log.bytes(), exact);
    ASSERT_TRUE(log.append(bytes_of("behind")).ok());
    EXPECT_EQ(read_all_frames(log, 40).size(), 2u);
}

TEST_F(Log, a_full_segment_is_followed_by_the_spare_and_dropped_ones_are_recycled) {
    auto recycling = options(2'000);
    recycling.recycles = true;
    auto log = std::move(open(real_, recycling)).value();
    for (int i = 0; i < 16; ++i) ASSERT_TRUE(log.append(bytes_of("small")).ok());
    log.use_spare(std::move(make_spare_segment(real_, root(), 2'000)).value());
    for (int i = 0; i < 25; ++i) ASSERT_TRUE(log.append(bytes_of("small")).ok());
    ASSERT_TRUE(log.wants_spare()) << "half full";
    log.use_spare(std::move(make_spare_segment(real_, root(), 2'000)).value());
    ASSERT_TRUE(log.append(bytes_of(std::string(1'200, 'x'))).ok());  // does not fit behind them
    EXPECT_EQ(log.segments(), 3u);
    EXPECT_EQ(real_.size(segment_path(2)).value().value(), 2'000u);
    EXPECT_EQ(read_all_frames(log, 1).size(), 42u);
    ASSERT_TRUE(log.drop(41));
    EXPECT_EQ(log.segments(), 1u);
    // The dropped one is the next one, with zeros instead of what it held.
    auto spare = std::move(make_spare_segment(real_, root(), 2'000)).value();
    Bytes bytes(3'000);
    EXPECT_EQ(spare.file->read_at(0, bytes).value(), 2'000u);
    EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 0), 3'000);
    log.use_spare(std::move(spare));
    ASSERT_TRUE(log.append(bytes_of(std::string(1'200, 'y'))).ok());
    EXPECT_EQ(log.segments(), 2u);
    auto again = std::move(open(real_, options(2'000))).value();
    EXPECT_EQ(seen_.size(), 2u);
    EXPECT_TRUE(again.report().damage.empty());
}

TEST_F(Log, large_groups_want_no_spare) {
    auto log = std::move(open(real_, options(16 << 20))).value();
    const std::string large(40'000, 'x');
    for (int i = 0; i < 40; ++i) {
        FrameGroup group;
        group.add(log.next(), bytes_of(large));
        group.add(log.next() + 1, bytes_of(large));
        ASSERT_TRUE(log.commit(group));
    }
    EXPECT_FALSE(log.wants_spare());
}

TEST_F(Log, a_spare_that_cannot_be_made_or_taken_is_no_harm) {
    ASSERT_TRUE(real_.make_directories(root()));
    auto files = std::move(FaultyFiles::open(root(), 5)).value();
    auto log = std::move(open(*files, options())).value();
    ASSERT_TRUE(log.append(bytes_of("one")).ok());
    files->limit_space(100'000);
    EXPECT_EQ(make_spare_segment(*files, root(), 1 << 20).error().code, Errc::overloaded);
    EXPECT_EQ(files->list(root()).value().size(), 1u) << "nothing is left behind";
    files->limit_space(std::nullopt);
    std::stop_source stopped;
    stopped.request_stop();
    EXPECT_EQ(make_spare_segment(*files, root(), 1 << 20, stopped.get_token()).error().code,
              Errc::cancelled);
    log.use_spare(std::move(make_spare_segment(*files, root(), 1 << 20)).value());
    files->fail(Call::rename, 1, Fault::io_error);
    EXPECT_EQ(log.append(bytes_of("two")).error().code, Errc::io_failed);
    ASSERT_TRUE(log.append(bytes_of("two")).ok());
    EXPECT_EQ(read_all_frames(log, 1).size(), 2u);
    auto again = std::move(open(*files, options())).value();
    EXPECT_EQ(seen_, (Frames{{1, "one"}, {2, "two"}}));
    const auto entries = files->list(root()).value();
    for (const auto& entry : entries) EXPECT_TRUE(entry.name.ends_with(".mwlog")) << entry.name;
}

// Appends numbered texts until a call fails; returns how many were acknowledged.
std::uint64_t append_until_failure(Result<AppendLog>& log, std::uint64_t from, Files& files,
                                   const std::string& directory, std::uint64_t spare_every) {
    if (!log) return 0;
    std::uint64_t acknowledged = 0;
    for (std::uint64_t n = from; n < from + 12; ++n) {
        FrameGroup group;
        group.add(2 * n - 1, bytes_of("odd " + std::to_string(n)));
        group.add(2 * n, bytes_of(std::string(300, 'e')));
        if (!log->commit(group)) break;
        acknowledged = 2 * n;
        if (n % 4 == 0) ignore(log->drop(2 * n - 6), "old frames");
        if (spare_every == 0 || n % spare_every != 0) continue;
        if (auto spare = make_spare_segment(files, directory, 1'500))
            log->use_spare(std::move(*spare));
    }
    return acknowledged;
}

TEST_F(Log, a_power_cut_at_any_call_keeps_what_was_acknowledged_and_no_gap) {
    for (std::uint64_t call = 1; call < 90; ++call) {
        for (std::uint64_t seed = 0; seed < 6; ++seed) {
            const std::uint64_t spare_every = seed % 3;  // none, for each group, for each second
            folder_ = std::move(TemporaryDirectory::make()).value();
            auto files = std::move(FaultyFiles::open(root(), seed * 1000 + call)).value();
            files->fail(Call::any, call, Fault::power_cut);
            std::uint64_t acknowledged = 0;
            {
                auto recycling = options(1500);
                recycling.recycles = seed >= 3;
                auto log = open(*files, recycling);
                acknowledged = append_until_failure(log, 1, *files, root(), spare_every);
            }
            ignore(files->power_cut(), "it may be cut already");
            auto log = open(real_, options(1500));
            ASSERT_TRUE(log.ok()) << log.error().message;
            ASSERT_TRUE(log->report().damage.empty()) << "call " << call << " seed " << seed;
            auto last = seen_.empty() ? 0 : seen_.back().first;
            ASSERT_GE(last, acknowledged) << "call " << call << " seed " << seed;
            for (std::size_t i = 1; i < seen_.size(); ++i)
                ASSERT_EQ(seen_[i].first, seen_[i - 1].first + 1);
            ASSERT_TRUE(log->append(bytes_of("more")).ok());
        }
    }
}

TEST_F(Log, the_golden_file_is_still_understood) {
    auto bytes = read_all(
        real_, std::string(MW_SOURCE_DIR) + "/src/platform/files/golden/append-log-1.mwlog");
    ASSERT_TRUE(bytes.ok()) << bytes.error().message;
    ASSERT_TRUE(real_.make_directories(root()));
    auto path = join(root(), "00000000000000000001.mwlog");
    ASSERT_TRUE(atomic_replace(real_, path, *bytes));
    auto log = std::move(open(real_, options())).value();
    EXPECT_EQ(seen_, (Frames{{1, "one"}, {2, ""}, {3, "three"}}));

    TemporaryDirectory fresh = std::move(TemporaryDirectory::make()).value();
    auto elsewhere = options();
    elsewhere.directory = fresh.path();
    auto written = std::move(open(real_, elsewhere)).value();
    FrameGroup group;
    group.add(1, bytes_of("one"));
    group.add(2, {});
    ASSERT_TRUE(written.commit(group));
    ASSERT_TRUE(written.append(bytes_of("three")).ok());
    EXPECT_EQ(read_all(real_, join(fresh.path(), "00000000000000000001.mwlog")).value(), *bytes);
}

}  // namespace
}  // namespace mw::files
