#include "device/outbox/outbox_samples.h"

namespace mw::outbox {
namespace {

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
    SeededRandom random(3);
    Options options;
    options.segment_bytes = 4096;
    options.disk_bytes_max = 40'000;
    options.window_bytes_max = 1000;
    open(options);
    std::vector<std::string> texts;
    for (int i = 0; i < 400; ++i) {
        append(texts.emplace_back(noise(random, 500)));
        flush();
    }
    const auto figures = outbox_->figures();
    EXPECT_LE(figures.disk_bytes, 40'000u);
    EXPECT_GT(figures.dropped_messages, 250u);
    EXPECT_EQ(figures.dropped_messages + figures.unsent_messages, 400u);
    for (std::size_t i = figures.dropped_messages; i < 400; ++i) {
        ASSERT_EQ(next(), texts[i]) << i;
        outbox_->acknowledge_one();
    }
    EXPECT_EQ(outbox_->figures().unsent_messages, 0u);
    stop();
}

TEST_F(OutboxOnDisk, refuse_pushes_back_until_there_is_room) {
    Options options;
    options.segment_bytes = 4096;
    options.disk_bytes_max = 20'000;
    for (auto& overflow : options.overflow) overflow = DiskOverflow::refuse;
    open(options);
    SeededRandom random(5);
    int accepted = 0;
    while (outbox_->append(entry_of(noise(random, 500)))) {
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
