// Power cuts at random instants under QoS 1 and 2 with sessions that persist: whatever was
// acknowledged arrives, what is QoS 2 arrives once, and each publisher's messages in their order.
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "base/log.h"
#include "protocols/mqtt/journal_life.h"

namespace mw::mqtt::survival {
namespace {

// Subscribes and retains once.
class Sleeper final : public ModelClient {
 public:
    using ModelClient::ModelClient;
    void on_up() override {
        Subscribe subscribe;
        subscribe.id = 1;
        subscribe.filters = {{"nothing/#", {.qos = QoS::at_least_once}}};
        Publish retained;
        retained.qos = QoS::at_least_once;
        retained.retain = true;
        retained.id = 2;
        retained.topic = "kept";
        retained.payload = bytes_of("still here");
        Bytes bytes;
        encode(bytes, Version::v5, subscribe);
        encode(bytes, Version::v5, retained);
        send(bytes);
    }
    void on_packet(const Frame&) override { ++answers; }
    int answers = 0;
};

class JournalSurvival : public testing::Test {
 protected:
    void listen() {
        subscriber_.listen();
        for (auto& publisher : publishers_) publisher.listen();
    }
    void connect(Life& life) {
        subscriber_.connect(life);
        for (auto& publisher : publishers_) publisher.connect(life);
    }
    // Until `steps` are over or the power goes.
    void play(Life& life, int steps) {
        for (int i = 0; i < steps && !life.files->is_cut(); ++i) {
            Publisher& publisher = publishers_[random_() % publishers_.size()];
            if (subscriber_.subscribed)
                publisher.publish(random_() % 2 == 0 ? QoS::at_least_once : QoS::exactly_once);
            if (random_() % 40 == 0) {
                subscriber_.disconnect();
                subscriber_.forget_answers();
            } else if (!subscriber_.is_up() && random_() % 8 == 0) {
                subscriber_.connect(life);
            }
            if (random_() % 60 == 0) publisher.disconnect(), publisher.connect(life);
            if (random_() % 3 == 0)
                ignore(sync_wait(*life.loop, life.journal->flush()), "the power may go");
            else if (random_() % 2 == 0)
                life.read_on();
            else
                life.loop->turn(false);
            listen();
            subscriber_.answer_some(random_() % 12);
        }
        subscriber_.power_is_gone();
        subscriber_.forget_answers();
        for (auto& publisher : publishers_) publisher.power_is_gone();
    }
    void settle(Life& life) {
        connect(life);
        for (int i = 0; i < 10'000; ++i) {
            ASSERT_TRUE(sync_wait(*life.loop, life.journal->flush()));
            life.read_on();
            listen();
            subscriber_.answer_some(1'000);
            bool idle = subscriber_.idle() && life.core->metrics().inflight == 0 &&
                        life.core->metrics().queued_bytes == 0 &&
                        life.core->metrics().spilled_messages == 0 &&
                        life.core->metrics().read_ahead_bytes == 0;
            for (const auto& publisher : publishers_) idle = idle && publisher.idle();
            if (idle && life.journal->durable() == life.journal->end()) return;
        }
        FAIL() << "messages are still under way";
    }
    void check(const Publisher& publisher) {
        const auto& twice = subscriber_.got["two/" + publisher.name()];
        for (std::size_t i = 1; i < twice.size(); ++i)
            ASSERT_LT(twice[i - 1], twice[i])
                << publisher.name() << ", QoS 2: twice, or not in order";
        std::set<int> arrived(twice.begin(), twice.end());
        for (const int number : subscriber_.got["one/" + publisher.name()]) arrived.insert(number);
        for (const int number : publisher.acknowledged)
            ASSERT_TRUE(arrived.contains(number)) << publisher.name() << " lost " << number;
    }

    // Somebody who was here once: its records have to move along as the log moves on.
    void visit(Life& life) {
        Sleeper sleeper("sleeper");
        sleeper.connect(life);
        for (int i = 0; i < 3; ++i) {
            ASSERT_TRUE(sync_wait(*life.loop, life.journal->flush()));
            sleeper.listen();
        }
        EXPECT_EQ(sleeper.answers, 2);  // SUBACK and PUBACK
        sleeper.disconnect();
        ASSERT_TRUE(sync_wait(*life.loop, life.journal->flush()));
    }
    void check_visitor(Life& life) {
        EXPECT_EQ(life.core->metrics().retained_messages, 1u);
        std::size_t subscriptions = 0;
        for (const SessionView& session : life.core->sessions())
            if (session.client_id == "sleeper") subscriptions += session.subscriptions;
        EXPECT_EQ(subscriptions, 1u);
    }

    log::Capture quiet_;
    std::mt19937_64 random_{std::random_device{}()};
    Subscriber subscriber_{"s"};
    std::vector<Publisher> publishers_{Publisher("a"), Publisher("b"), Publisher("c")};

    // What is checked in each life is counted in the last.
    void survive(const Limits& limits);
    std::uint64_t moved_ = 0, spilled_ = 0, recalled_ = 0;
};

void JournalSurvival::survive(const Limits& limits) {
    const std::uint64_t seed = random_();
    random_.seed(seed);
    std::cout << "seed " << seed << '\n';
    const int cuts = std::getenv("MW_LONG") != nullptr ? 1'000 : 100;
    const auto folder = *files::TemporaryDirectory::make();
    for (int cut = 0; cut < cuts; ++cut) {
        Life life(folder.path(), random_(), limits);
        ASSERT_TRUE(life.start(folder.path()));
        if (cut == 0) visit(life);
        connect(life);
        if (random_() % 2 == 0)
            life.files->fail(files::Call::any, 1 + random_() % 60, files::Fault::power_cut);
        play(life, 20 + static_cast<int>(random_() % 60));
        moved_ += life.journal->moved_records();
        spilled_ += life.core->metrics().spills;
        recalled_ += life.core->metrics().recalls;
        ASSERT_EQ(life.core->metrics().queue_overflows, 0u);  // what no room was for may be lost
        ASSERT_EQ(life.core->metrics().spilled_lost, 0u);
        ignore(life.files->power_cut(), "it may be gone already");
    }
    Life last(folder.path(), random_(), limits);
    ASSERT_TRUE(last.start(folder.path()));
    check_visitor(last);
    settle(last);
    std::size_t acknowledged = 0;
    for (const auto& publisher : publishers_)
        check(publisher), acknowledged += publisher.acknowledged.size();
    EXPECT_GT(acknowledged, static_cast<std::size_t>(cuts) * 5);
    EXPECT_GT(moved_, 0u);
}

TEST_F(JournalSurvival, power_cuts_lose_nothing_acknowledged_and_repeat_nothing_at_qos_2) {
    survive({});
}

TEST_F(JournalSurvival, nor_do_they_while_most_of_the_queue_is_in_the_journal_only) {
    Limits limits;
    limits.slow_consumers = SlowConsumers::spill;
    limits.queued_messages = 4;
    limits.queued_bytes_in_all = 2'000;
    limits.read_ahead_messages = 3;
    subscriber_.receive_maximum = 5;
    survive(limits);
    EXPECT_GT(spilled_, 100u);
    EXPECT_GT(recalled_, 100u);
}

}  // namespace
}  // namespace mw::mqtt::survival
