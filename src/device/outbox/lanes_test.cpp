#include "device/outbox/block.h"
#include "device/outbox/outbox_samples.h"

namespace mw::outbox {
namespace {

// One message as a test's hub knows it: which stream, which sequence.
std::string label(const std::string& stream, std::uint64_t sequence) {
    return stream + " " + std::to_string(sequence) + " ";
}

// A hub that keeps the last sequence of each stream, as ours does.
class StrictHub {
 public:
    // False: it came again. Sequences of a stream only grow; gaps are what was dropped.
    bool take(const Queued& queued) {
        const std::string text(queued.payload.begin(), queued.payload.end());
        const auto space = text.find(' ');
        const std::string stream = text.substr(0, space);
        const std::uint64_t sequence = std::stoull(text.substr(space + 1));
        if (sequence <= last_[stream]) return false;
        gaps_[stream] += sequence - last_[stream] - 1;
        last_[stream] = sequence;
        ++stored_[stream];
        return true;
    }
    std::uint64_t stored(const std::string& stream) { return stored_[stream]; }
    std::uint64_t last(const std::string& stream) { return last_[stream]; }
    std::uint64_t gaps(const std::string& stream) { return gaps_[stream]; }

 private:
    std::map<std::string, std::uint64_t> last_, stored_, gaps_;
};

class OutboxLanes : public OutboxOnDisk {
 protected:
    static Options small() {
        Options options;
        options.segment_bytes = 4096;
        options.disk_bytes_max = 60'000;
        options.window_bytes_max = 2000;
        return options;
    }
    // Points, and with every fifth entry a decision and a sketch.
    Entry entry(std::size_t size = 400) {
        Entry entry;
        add(entry, "data/pump", size);
        if (++entries_ % 5 != 0) return entry;
        add(entry, "decision/knn", 60);
        add(entry, "sketch/knn", 100);
        return entry;
    }
    void add(Entry& entry, const std::string& stream, std::size_t size) {
        const std::string text = label(stream, outbox_->next_sequence(stream));
        entry.messages.push_back({stream, "t/" + stream, bytes(text + noise(random_, size))});
    }
    void fill(int count) {
        for (int i = 0; i < count; ++i) {
            ASSERT_TRUE(outbox_->append(entry()));
            flush();
        }
    }
    Queued take() {
        for (;;) {
            if (auto queued = outbox_->try_next()) return std::move(*queued);
            if (!sync_wait(*loop_, outbox_->more())) return {};
        }
    }

    SeededRandom random_{7};
    int entries_ = 0;
};

TEST_F(OutboxLanes, decisions_leave_first_and_points_are_dropped_first) {
    open(small());
    fill(500);
    const auto full = outbox_->figures();
    EXPECT_LE(full.disk_bytes, 60'000u);
    EXPECT_EQ(full.ranks[Rank::decisions].dropped_messages, 0u);
    EXPECT_EQ(full.ranks[Rank::health].dropped_messages, 0u);
    EXPECT_GT(full.ranks[Rank::points].dropped_messages, 300u);
    StrictHub hub;
    std::vector<Rank> order;
    for (std::uint64_t i = 0; i < full.unsent_messages; ++i) {
        const Queued queued = take();
        order.push_back(queued.rank);
        ASSERT_TRUE(hub.take(queued));
        outbox_->acknowledge_one();
    }
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_EQ(hub.stored("decision/knn"), 100u);
    EXPECT_EQ(hub.gaps("decision/knn"), 0u);
    EXPECT_EQ(hub.stored("sketch/knn"), 100u);
    EXPECT_EQ(hub.last("data/pump"), 500u);
    EXPECT_EQ(hub.gaps("data/pump"), full.ranks[Rank::points].dropped_messages);
    EXPECT_EQ(outbox_->figures().unsent_messages, 0u);
    stop();
}

TEST_F(OutboxLanes, a_decision_overtakes_points_that_wait) {
    open(small());
    fill(30);
    outbox_->rewind();
    while (take().rank != Rank::points) outbox_->acknowledge_one();
    Entry late;
    add(late, "decision/knn", 10);
    ASSERT_TRUE(outbox_->append(std::move(late)));
    flush();
    EXPECT_EQ(take().rank, Rank::decisions);
    stop();
}

TEST_F(OutboxLanes, when_points_have_nothing_left_to_give_higher_ranks_drop_their_oldest) {
    open(small());
    for (int i = 0; i < 400; ++i) {
        Entry many;
        add(many, "decision/knn", 400);
        ASSERT_TRUE(outbox_->append(std::move(many)));
        flush();
    }
    const auto figures = outbox_->figures();
    EXPECT_LE(figures.disk_bytes, 60'000u);
    EXPECT_GT(figures.ranks[Rank::decisions].dropped_messages, 200u);
    stop();
}

TEST_F(OutboxLanes, drop_newest_keeps_what_was_first_and_room_for_decisions) {
    Options options = small();
    options.disk_bytes_max = 120'000;
    options.journal_bytes_max = 7500;
    options.overflow[Rank::points] = DiskOverflow::drop_newest;
    open(options);
    fill(500);
    const auto full = outbox_->figures();
    EXPECT_GT(full.ranks[Rank::points].dropped_messages, 200u);
    StrictHub hub;
    for (std::uint64_t i = 0; i < full.unsent_messages; ++i) {
        ASSERT_TRUE(hub.take(take()));
        outbox_->acknowledge_one();
    }
    EXPECT_EQ(hub.gaps("decision/knn"), 0u);
    EXPECT_EQ(hub.last("decision/knn"), 100u);
    // The beginning is whole: what is missing comes after it.
    EXPECT_GT(hub.stored("data/pump"), 40u);
    EXPECT_EQ(hub.stored("data/pump") + full.ranks[Rank::points].dropped_messages, 500u);
    stop();
}

TEST_F(OutboxLanes, drops_are_counted_over_restarts_and_rewinds) {
    open(small());
    fill(300);
    while (take().rank != Rank::points) outbox_->acknowledge_one();
    take();     // two messages of points are on their way,
    fill(200);  // and are dropped from the disk
    outbox_->rewind();
    const auto before = outbox_->figures();
    EXPECT_EQ(before.dropped_messages + before.unsent_messages + before.acknowledged_messages,
              before.appended_messages);
    stop();
    open(small());
    const auto after = outbox_->figures();
    for (const Rank rank : all_ranks) {
        EXPECT_EQ(after.ranks[rank].dropped_messages, before.ranks[rank].dropped_messages);
        EXPECT_EQ(after.ranks[rank].unsent_messages, before.ranks[rank].unsent_messages);
    }
    stop();
}

TEST_F(OutboxLanes, nothing_is_held_in_memory_while_nobody_sends) {
    open(small());
    fill(300);
    EXPECT_EQ(outbox_->figures().window_bytes, 0u);
    take();
    EXPECT_GT(outbox_->figures().window_bytes, 0u);
    outbox_->rewind();
    EXPECT_EQ(outbox_->figures().window_bytes, 0u);
    stop();
}

// Power cuts, restarts, lost connections and acknowledgements at random: what was durable reaches a
// hub that dedups by sequence, once and in order, unless the budget dropped it.
class OutboxInBadWeather : public OutboxLanes, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(OutboxInBadWeather, what_policy_keeps_arrives_once) {
    random_ = SeededRandom(GetParam());
    Options options = small();
    const bool tight = GetParam() % 2 == 0;
    if (!tight) options.disk_bytes_max = 400'000;
    options.journal_bytes_max = 12'000;
    StrictHub hub;
    std::map<std::string, std::uint64_t> durable;
    for (int life = 0; life < 12; ++life) {
        auto faulty = files::FaultyFiles::open(folder_ / "", random_.next());
        ASSERT_TRUE(faulty);
        open_on(**faulty, options);
        for (const auto& [stream, sequence] : durable)
            ASSERT_GT(outbox_->next_sequence(stream), sequence) << "given twice";
        const auto steps = 20 + random_.below(60);
        for (std::uint64_t step = 0; step < steps; ++step) {
            const auto dice = random_.below(20);
            if (dice < 14) {
                ASSERT_TRUE(outbox_->append(entry()));
                if (random_.below(3) == 0) flush();
            } else if (dice < 19) {
                flush();
                for (const char* stream : {"data/pump", "decision/knn", "sketch/knn"})
                    durable[stream] = outbox_->next_sequence(stream) - 1;
                if (outbox_->figures().unsent_messages == 0) continue;
                for (std::uint64_t i = 0, many = random_.below(12); i < many; ++i) {
                    if (outbox_->figures().unsent_messages == 0) break;
                    hub.take(take());
                    if (random_.below(8) != 0)
                        outbox_->acknowledge_one();
                    else
                        break;
                }
                outbox_->rewind();
            } else {
                outbox_->rewind();
            }
        }
        if (random_.below(2) == 0) {
            ASSERT_TRUE((*faulty)->power_cut());
            outbox_.reset();
        } else {
            stop();
        }
    }
    open(options);
    const auto figures = outbox_->figures();
    for (std::uint64_t i = 0; i < figures.unsent_messages; ++i) {
        hub.take(take());
        outbox_->acknowledge_one();
    }
    EXPECT_EQ(outbox_->figures().unsent_messages, 0u);
    EXPECT_EQ(hub.gaps("decision/knn"), 0u);
    EXPECT_EQ(hub.gaps("sketch/knn"), 0u);
    if (!tight) {
        EXPECT_EQ(hub.gaps("data/pump"), 0u);
    }
    for (const auto& [stream, sequence] : durable) EXPECT_GE(hub.last(stream), sequence) << stream;
    stop();
}

INSTANTIATE_TEST_SUITE_P(seeds, OutboxInBadWeather,
                         testing::Range(std::uint64_t{1}, std::uint64_t{13}));

TEST_F(OutboxLanes, a_disk_that_is_full_before_the_budget_is_makes_points_go) {
    auto faulty = files::FaultyFiles::open(folder_ / "", 3);
    ASSERT_TRUE(faulty);
    Options options = small();
    options.disk_bytes_max = 250'000;
    options.journal_bytes_max = 10'000;
    open_on(**faulty, options);
    (*faulty)->limit_space(90'000);
    fill(400);
    const auto figures = outbox_->figures();
    EXPECT_GT(figures.disk_failures, 0u);
    EXPECT_GT(figures.ranks[Rank::points].dropped_messages, 100u);
    EXPECT_EQ(figures.ranks[Rank::decisions].dropped_messages, 0u);
    stop();
}

TEST(OutboxRanks, come_from_the_stream) {
    EXPECT_EQ(rank_of("decision/pump-knn"), Rank::decisions);
    EXPECT_EQ(rank_of("event"), Rank::decisions);
    EXPECT_EQ(rank_of("sketch/pump-knn"), Rank::health);
    EXPECT_EQ(rank_of("data/decision"), Rank::points);
}

TEST(OutboxBlocks, give_back_their_frames_and_name_what_is_broken) {
    BlockBuilder builder;
    const std::string payload(3000, 'p');
    builder.add(7, {{{1, "data/a", "t/a", bytes_of(payload)}}, {}});
    builder.add(9, {{{2, "data/a", "t/a", bytes_of("x")}, {3, "data/a", "t/a", {}}}, {}});
    Bytes block = builder.seal();
    EXPECT_TRUE(builder.empty());
    EXPECT_LT(block.size(), 300u);
    const auto head = read_block_head(block);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->messages, 3u);
    EXPECT_EQ(head->first_frame, 7u);
    EXPECT_EQ(head->last_frame, 9u);
    std::vector<std::uint64_t> frames, sequences;
    const auto visit = [&](std::uint64_t frame, ByteView bytes) {
        frames.push_back(frame);
        const auto parts = read_frame(bytes);
        ASSERT_TRUE(parts);
        for (const auto& m : parts->messages) sequences.push_back(m.sequence);
    };
    ASSERT_TRUE(read_block(block, visit));
    EXPECT_EQ(frames, (std::vector<std::uint64_t>{7, 9}));
    EXPECT_EQ(sequences, (std::vector<std::uint64_t>{1, 2, 3}));
    block.resize(block.size() - 3);
    EXPECT_EQ(read_block(block, visit).error().code, Errc::corrupt);
    EXPECT_EQ(read_block(Bytes(10), visit).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace mw::outbox
