#include "device/outbox/outbox.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/random.h"

namespace mw::outbox {
namespace {

class Folder {
 public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "outbox-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
    std::string path_;
};

Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

Entry entry_of(std::string_view text, std::string_view checkpoint = "") {
    Entry entry;
    entry.messages.push_back({"data/pump", "mw/v1/gw/data/pump", bytes(text)});
    if (!checkpoint.empty()) entry.checkpoints["source/pump"] = bytes(checkpoint);
    return entry;
}

class OutboxOnDisk : public testing::Test {
 protected:
    OutboxOnDisk() : loop_(*Loop::open()), workers_(WorkersOptions{.threads = 1}) {}

    void open(Options options = {}) { open_on(real_, std::move(options)); }
    void open_on(files::Files& files, Options options = {}) {
        options.directory = folder_ / "outbox";
        auto opened = Outbox::open(files, *loop_, workers_, std::move(options));
        ASSERT_TRUE(opened) << opened.error().message;
        outbox_ = std::move(*opened);
    }
    void stop() {
        ASSERT_TRUE(sync_wait(*loop_, outbox_->stop()));
        outbox_.reset();
    }
    void append(std::string_view text, std::string_view checkpoint = "") {
        auto appended = outbox_->append(entry_of(text, checkpoint));
        ASSERT_TRUE(appended) << appended.error().message;
    }
    void flush() { ASSERT_TRUE(sync_wait(*loop_, outbox_->flush())); }
    std::string next() {
        for (;;) {
            if (auto queued = outbox_->try_next())
                return std::string(queued->payload.begin(), queued->payload.end());
            if (!sync_wait(*loop_, outbox_->more())) return "nothing";
        }
    }

    Folder folder_;
    files::RealFiles real_;
    std::unique_ptr<Loop> loop_;
    Workers workers_;
    std::unique_ptr<Outbox> outbox_;
};

TEST_F(OutboxOnDisk, gives_messages_in_order_once_durable) {
    open();
    append("one");
    append("two");
    EXPECT_FALSE(outbox_->try_next());  // not durable yet
    EXPECT_EQ(next(), "one");
    EXPECT_EQ(next(), "two");
    stop();
}

TEST_F(OutboxOnDisk, remembers_what_is_unsent_checkpoints_and_sequences) {
    open();
    append("one", "row 1");
    append("two", "row 2");
    EXPECT_EQ(next(), "one");
    outbox_->acknowledge_one();
    stop();
    open();
    EXPECT_EQ(outbox_->next_sequence("data/pump"), 3u);
    EXPECT_EQ(outbox_->checkpoint("source/pump"), bytes("row 2"));
    EXPECT_EQ(outbox_->figures().unsent_messages, 1u);
    EXPECT_EQ(next(), "two");
    stop();
}

TEST_F(OutboxOnDisk, rewind_sends_unacknowledged_again_in_order) {
    open();
    for (const char* text : {"a", "b", "c"}) append(text);
    EXPECT_EQ(next(), "a");
    EXPECT_EQ(next(), "b");
    outbox_->acknowledge_one();
    outbox_->rewind();
    EXPECT_EQ(next(), "b");
    EXPECT_EQ(next(), "c");
    stop();
}

TEST_F(OutboxOnDisk, a_backlog_larger_than_memory_comes_from_disk) {
    Options options;
    options.window_bytes_max = 4096;
    options.segment_bytes = 16384;
    open(options);
    for (int i = 0; i < 500; ++i) append(std::string(200, 'x') + std::to_string(i));
    for (int i = 0; i < 500; ++i) {
        ASSERT_EQ(next(), std::string(200, 'x') + std::to_string(i));
        ASSERT_LE(outbox_->figures().window_bytes, 4096u + 256 * 1024);
        outbox_->acknowledge_one();
    }
    EXPECT_EQ(outbox_->figures().unsent_messages, 0u);
    stop();
}

TEST_F(OutboxOnDisk, acknowledged_segments_leave_the_disk_but_checkpoints_stay) {
    Options options;
    options.segment_bytes = 4096;
    open(options);
    append("first", "the only checkpoint");
    for (int i = 0; i < 100; ++i) append(std::string(500, 'y'));
    for (int i = 0; i < 101; ++i) {
        next();
        outbox_->acknowledge_one();
    }
    append("last");
    flush();
    EXPECT_EQ(next(), "last");
    stop();
    open(options);
    EXPECT_EQ(outbox_->checkpoint("source/pump"), bytes("the only checkpoint"));
    EXPECT_EQ(outbox_->next_sequence("data/pump"), 103u);
    EXPECT_LT(outbox_->figures().disk_bytes, 20'000u);
    stop();
}

TEST_F(OutboxOnDisk, drop_oldest_keeps_the_newest_and_counts) {
    Options options;
    options.segment_bytes = 4096;
    options.disk_bytes_max = 40'000;
    options.window_bytes_max = 1000;
    open(options);
    for (int i = 0; i < 400; ++i) {
        append(std::string(500, 'z') + std::to_string(i));
        flush();
    }
    EXPECT_LE(outbox_->figures().disk_bytes, 50'000u);
    EXPECT_GT(outbox_->figures().dropped_messages, 250u);
    const auto figures = outbox_->figures();
    EXPECT_EQ(figures.dropped_messages + figures.unsent_messages, 400u);
    std::string last;
    for (std::uint64_t i = 0; i < figures.unsent_messages; ++i) {
        last = next();
        outbox_->acknowledge_one();
    }
    EXPECT_EQ(last, std::string(500, 'z') + "399");
    stop();
}

TEST_F(OutboxOnDisk, refuse_pushes_back_until_there_is_room) {
    Options options;
    options.segment_bytes = 4096;
    options.disk_bytes_max = 20'000;
    options.overflow = DiskOverflow::refuse;
    open(options);
    int accepted = 0;
    while (outbox_->append(entry_of(std::string(500, 'r')))) {
        ++accepted;
        flush();
    }
    EXPECT_EQ(outbox_->append(entry_of("x")).error().code, Errc::overloaded);
    EXPECT_EQ(outbox_->figures().dropped_messages, 0u);
    for (int i = 0; i < accepted; ++i) {
        next();
        outbox_->acknowledge_one();
    }
    ASSERT_TRUE(sync_wait(*loop_, outbox_->room()));
    EXPECT_TRUE(outbox_->append(entry_of("again")));
    stop();
}

// Cuts the power at random instants; whatever was flushed is there, in order, and nothing twice
// beyond what was not acknowledged.
TEST_F(OutboxOnDisk, power_cuts_lose_nothing_flushed) {
    SeededRandom random(11);
    std::uint64_t durable = 0;
    for (int round = 0; round < 25; ++round) {
        auto faulty = files::FaultyFiles::open(folder_ / "", random.next());
        ASSERT_TRUE(faulty);
        Options options;
        options.segment_bytes = 2048;
        open_on(**faulty, options);
        EXPECT_GE(outbox_->next_sequence("data/pump"), durable + 1);
        const auto count = random.below(30);
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto sequence = outbox_->next_sequence("data/pump");
            append(std::to_string(sequence), std::to_string(sequence));
            if (random.below(4) == 0) {
                flush();
                durable = sequence;
            }
        }
        ASSERT_TRUE((*faulty)->power_cut());
        outbox_.reset();
    }
    open();
    const auto kept = outbox_->figures().unsent_messages;
    EXPECT_GE(kept, durable);
    for (std::uint64_t i = 1; i <= kept; ++i) ASSERT_EQ(next(), std::to_string(i));
    EXPECT_EQ(outbox_->checkpoint("source/pump"), bytes(std::to_string(kept)));
    stop();
}

}  // namespace
}  // namespace mw::outbox
