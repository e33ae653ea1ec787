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
        options.waiting_bytes_max = 4096;
        options.retry_after = milliseconds{1};
        seen_ = 0;
        auto count = [this](const LogFrame&) { ++seen_; };
        log_ = std::move(GroupLog::open(*files_, *loop_, workers_, options, count)).value();
    }
    TemporaryDirectory folder_ = std::move(TemporaryDirectory::make()).value();
    std::unique_ptr<FaultyFiles> files_;
    std::unique_ptr<Loop> loop_ = std::move(Loop::open()).value();
    Workers workers_{{1, 16, 0, "log"}};
    std::uint64_t seen_ = 0;
    std::unique_ptr<GroupLog> log_;
};

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

}  // namespace
}  // namespace mw::files
