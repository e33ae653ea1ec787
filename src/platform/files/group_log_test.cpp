#include "platform/files/group_log.h"

#include <gtest/gtest.h>

#include "platform/files/files.h"

namespace mw::files {
namespace {

class Group : public testing::Test {
 protected:
    Group() {
        files_ = std::move(FaultyFiles::open(join(folder_.path(), "root"), 7)).value();
        open();
    }
    ~Group() override { ignore(sync_wait(*loop_, log_->stop()), "the test is over"); }
    void open() {
        GroupLogOptions options;
        options.log = {join(folder_.path(), "root"), "test"};
        options.log.segment_bytes = segment_bytes_;
        options.waiting_bytes_max = 4096;
        options.retry_after = milliseconds{1};
        options.readable = true;
        if (prepares_) options.preparing = &preparing_;
        seen_ = 0;
        auto count = [this](const LogFrame&) { ++seen_; };
        log_ = std::move(GroupLog::open(*files_, *loop_, workers_, options, count)).value();
    }
    std::size_t segment_bytes_ = std::size_t{8} << 20;
    TemporaryDirectory folder_ = std::move(TemporaryDirectory::make()).value();
    std::unique_ptr<FaultyFiles> files_;
    std::unique_ptr<Loop> loop_ = std::move(Loop::open()).value();
    Workers workers_{{1, 16, 0, "log"}};
    Workers preparing_{{1, 16, 0, "space"}};
    bool prepares_ = false;
    std::uint64_t seen_ = 0;
    std::unique_ptr<GroupLog> log_;
};

TEST_F(Group, prepares_segments_beside_small_commits_and_reads_back_what_is_in_them) {
    ASSERT_TRUE(sync_wait(*loop_, log_->stop()));
    prepares_ = true;
    segment_bytes_ = 4096;
    open();
    while (log_->figures().spares < 3) {
        ASSERT_TRUE(log_->append(bytes_of("small")).ok());
        ASSERT_TRUE(sync_wait(*loop_, log_->flush()));
    }
    const std::uint64_t last = log_->last();
    auto read = sync_wait(*loop_, log_->read({1, last / 2, last})).value();
    for (const auto& frame : read) {
        ASSERT_TRUE(frame.ok()) << frame.error().message;
        EXPECT_EQ(text_of(*frame), "small");
    }
    ASSERT_TRUE(sync_wait(*loop_, log_->stop()));
    open();
    EXPECT_EQ(seen_, last);
    EXPECT_EQ(log_->report().torn_bytes, 0u);
}

TEST_F(Group, one_sync_covers_what_was_appended_in_one_turn) {
    std::vector<std::uint64_t> told;
    log_->on_durable([&](std::uint64_t number) { told.push_back(number); });
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(log_->append(bytes_of("x")).ok());
    EXPECT_EQ(log_->durable(), 0u);
    auto before = files_->calls(Call::sync);
    ASSERT_TRUE(sync_wait(*loop_, log_->flush()));
    EXPECT_EQ(log_->durable(), 10u);
    EXPECT_EQ(told, (std::vector<std::uint64_t>{10}));
    EXPECT_EQ(files_->calls(Call::sync) - before, 2u);  // the new segment's header, and the group
}

TEST(Gathering, frames_that_keep_coming_are_committed_no_more_often_than_asked) {
    TemporaryDirectory folder = std::move(TemporaryDirectory::make()).value();
    SimulatedClock clock;
    auto loop = std::move(Loop::open({.simulated = &clock})).value();
    Workers workers{{1, 16, 0, "log"}};
    RealFiles files;
    GroupLogOptions options;
    options.log = {join(folder.path(), "log"), "test"};
    options.commit_every = seconds{1};
    auto log = std::move(GroupLog::open(files, *loop, workers, options)).value();
    const auto append = [&] { ASSERT_TRUE(log->append(bytes_of("x")).ok()); };
    auto busy = [&]() -> Task<> {
        append();
        CO_TRY_VOID(co_await yield());  // that one is being committed
        for (int i = 0; i < 10; ++i) {
            append();
            CO_TRY_VOID(co_await sleep_for(milliseconds{10}));
        }
        co_return co_await log->flush();
    };
    ASSERT_TRUE(sync_wait(*loop, busy()));
    EXPECT_EQ(log->figures().commits, 2u);
    EXPECT_EQ(log->durable(), 11u);
    const auto before = clock.steady();
    append();
    ASSERT_TRUE(sync_wait(*loop, log->flush()));
    EXPECT_LT(clock.steady() - before, milliseconds{500})
        << "who comes alone waits for the disk only";
    ASSERT_TRUE(sync_wait(*loop, log->stop()));
}

TEST_F(Group, says_overloaded_when_too_much_waits_and_accepts_again_later) {
    std::string text(1000, 'x');
    int accepted = 0;
    while (log_->append(bytes_of(text)).ok()) ++accepted;
    EXPECT_EQ(accepted, 4);
    EXPECT_EQ(log_->append(bytes_of(text)).error().code, Errc::overloaded);
    ASSERT_TRUE(sync_wait(*loop_, log_->flush()));
    EXPECT_TRUE(log_->append(bytes_of(text)).ok());
    EXPECT_EQ(log_->append(bytes_of(std::string(5 << 20, 'x'))).error().code, Errc::invalid_input);
}

TEST_F(Group, keeps_what_it_accepted_while_the_disk_is_full_and_refuses_the_rest) {
    files_->limit_space(10);
    ASSERT_TRUE(log_->append(bytes_of("accepted")).ok());
    EXPECT_EQ(sync_wait(*loop_, log_->flush()).error().code, Errc::overloaded);
    ASSERT_TRUE(log_->failure().has_value());
    EXPECT_EQ(log_->append(bytes_of("refused")).error().code, Errc::overloaded);
    files_->limit_space(std::nullopt);
    while (log_->durable() == 0) ignore(sync_wait(*loop_, log_->flush()), "until the next try");
    EXPECT_FALSE(log_->failure().has_value());
    EXPECT_TRUE(log_->append(bytes_of("accepted")).ok());
}

TEST_F(Group, stop_makes_durable_what_was_accepted) {
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(log_->append(bytes_of("x")).ok());
    ASSERT_TRUE(sync_wait(*loop_, log_->stop()));
    EXPECT_EQ(log_->durable(), 3u);
    EXPECT_EQ(log_->append(bytes_of("late")).error().code, Errc::cancelled);
    ASSERT_TRUE(files_->power_cut());
    files_ = std::move(FaultyFiles::open(join(folder_.path(), "root"), 8)).value();
    open();
    EXPECT_EQ(seen_, 3u);
    EXPECT_EQ(log_->last(), 3u);
}

TEST_F(Group, stop_says_what_is_not_durable) {
    files_->fail(Call::any, 1, Fault::io_error, 1000);
    ASSERT_TRUE(log_->append(bytes_of("x")).ok());
    EXPECT_EQ(sync_wait(*loop_, log_->stop()).error().code, Errc::io_failed);
    EXPECT_EQ(log_->durable(), 0u);
}

// Frames of some hundred bytes, in groups of three, beyond several segments.
class Readable : public Group {
 protected:
    Readable() {
        ignore(sync_wait(*loop_, log_->stop()), "another one is opened");
        segment_bytes_ = 100 << 10;
        open();
    }
    void write(int frames) {
        for (int i = 0; i < frames; ++i) {
            ASSERT_TRUE(log_->append(bytes_of(text_for(log_->last() + 1))).ok());
            if (i % 3 != 0) continue;
            ASSERT_TRUE(sync_wait(*loop_, log_->flush()));
        }
        ASSERT_TRUE(sync_wait(*loop_, log_->flush()));
    }
    static std::string text_for(std::uint64_t number) {
        return std::to_string(number) + std::string(number * 131 % 700, 'M');
    }
    std::vector<Result<Bytes>> read(std::vector<std::uint64_t> numbers) {
        return sync_wait(*loop_, log_->read(std::move(numbers))).value();
    }
    void expect_all(std::uint64_t first, std::uint64_t last) {
        std::vector<std::uint64_t> numbers;
        for (std::uint64_t n = first; n <= last; ++n) numbers.push_back(n);
        const auto frames = read(numbers);
        ASSERT_EQ(frames.size(), numbers.size());
        for (std::size_t i = 0; i < frames.size(); ++i) {
            ASSERT_TRUE(frames[i].ok()) << numbers[i];
            ASSERT_EQ(text_of(*frames[i]), text_for(numbers[i]));
        }
    }
};

TEST_F(Readable, frames_are_read_back_while_it_is_written_and_after_it_is_opened_again) {
    write(1'000);
    expect_all(1, 1'000);
    ASSERT_TRUE(sync_wait(*loop_, log_->stop()));
    open();
    expect_all(1, 1'000);
    write(200);
    expect_all(900, 1'200);
    const auto some = read({1'150, 1'150});  // the same one twice
    EXPECT_EQ(text_of(*some[0]), text_of(*some[1]));
}

TEST_F(Readable, dropped_missing_and_not_yet_durable_frames_cannot_be_read) {
    write(1'000);
    log_->drop(500);
    write(10);
    EXPECT_EQ(read({1})[0].error().code, Errc::corrupt);
    expect_all(501, 1'010);
    ASSERT_TRUE(log_->append(bytes_of("waits")).ok());
    EXPECT_EQ(read({1'011})[0].error().code, Errc::corrupt);
}

TEST_F(Readable, a_rotten_frame_is_an_error_and_its_neighbours_are_read) {
    write(300);
    const auto entries = files_->list(join(folder_.path(), "root")).value();
    const std::string path = join(join(folder_.path(), "root"), entries.front().name);
    Bytes bytes = read_all(*files_, path).value();
    // In the payload of frame 5, and in the head of frame 8.
    const auto find = [&](std::uint64_t number) {
        const std::string text = text_for(number);
        return static_cast<std::uint64_t>(
            std::search(bytes.begin(), bytes.end(), text.begin(), text.end()) - bytes.begin());
    };
    const std::uint64_t five = find(5), eight = find(8);
    {
        auto file = files_->open(path, Mode::write).value();
        ASSERT_TRUE(file->write_at(five + 20, bytes_of("rot")));
        ASSERT_TRUE(file->write_at(eight - 20, bytes_of("rot!")));
    }
    const auto frames = read({4, 5, 6, 7, 8, 9, 10});
    for (std::size_t i = 0; i < frames.size(); ++i) {
        const std::uint64_t number = 4 + i;
        EXPECT_EQ(frames[i].ok(), number != 5 && number != 8) << number;
        if (!frames[i].ok()) continue;
        EXPECT_EQ(text_of(*frames[i]), text_for(number));
    }
}

}  // namespace
}  // namespace mw::files
