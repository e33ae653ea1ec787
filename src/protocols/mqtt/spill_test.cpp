// Queues that are far larger than what memory may hold: all of it comes, in order, and what each
// limit promises is kept.
#include <gtest/gtest.h>

#include "base/log.h"
#include "protocols/mqtt/journal_life.h"

namespace mw::mqtt::survival {
namespace {

Limits spilling() {
    Limits limits;
    limits.slow_consumers = SlowConsumers::spill;
    limits.queued_messages = 100;
    limits.queued_bytes = 64 << 10;
    return limits;
}

class Spilling : public testing::Test {
 protected:
    void open(const Limits& limits) {
        life_.reset();
        life_ = std::make_unique<Life>(folder_.path(), 7, limits);
        ASSERT_TRUE(life_->start(folder_.path()));
    }
    const Metrics& metrics() { return life_->core->metrics(); }
    void turn() {
        ASSERT_TRUE(sync_wait(*life_->loop, life_->journal->flush()));
        life_->read_on();
    }
    // The subscriber has been here, and is away.
    void subscribe(Subscriber& subscriber) {
        subscriber.connect(*life_);
        for (int i = 0; i < 100 && !subscriber.subscribed; ++i) turn(), subscriber.listen();
        ASSERT_TRUE(subscriber.subscribed);
        subscriber.disconnect();
    }
    void publish(Publisher& publisher, int count, bool twos = true) {
        if (!publisher.is_up()) publisher.connect(*life_), publisher.listen();
        const std::size_t before = publisher.acknowledged.size();
        publisher.window = 500;
        for (int i = 0; i < count; ++i) {
            publisher.publish(twos && i % 2 == 1 ? QoS::exactly_once : QoS::at_least_once);
            if (i % 400 == 399) settle(publisher);
        }
        settle(publisher);
        ASSERT_EQ(publisher.acknowledged.size(), before + static_cast<std::size_t>(count));
    }
    void settle(Publisher& publisher) {
        for (int i = 0; i < 100 && !publisher.idle(); ++i) {
            ASSERT_TRUE(sync_wait(*life_->loop, life_->journal->flush()));
            publisher.listen();
        }
        ASSERT_TRUE(publisher.idle());
    }
    // They take all that is owed to anybody.
    void drain(const std::vector<Subscriber*>& subscribers) {
        for (int i = 0; i < 100'000; ++i) {
            turn();
            ahead_max_ = std::max(ahead_max_, metrics().read_ahead_bytes);
            bool idle = true;
            for (Subscriber* subscriber : subscribers) {
                subscriber->listen();
                subscriber->answer_some(1'000);
                idle = idle && subscriber->idle();
            }
            if (idle && metrics().inflight == 0 && metrics().queued_bytes == 0 &&
                metrics().spilled_messages == 0 && metrics().read_ahead_bytes == 0)
                return;
        }
        FAIL() << "messages are still under way";
    }
    // first to last in this order, each once, at QoS 1 and 2 in turns.
    static void expect_all(const Subscriber& subscriber, const std::string& publisher, int first,
                           int last, bool twos = true) {
        std::vector<int> ones, both;
        for (int n = first; n <= last; ++n) (twos && n % 2 == 0 ? both : ones).push_back(n);
        EXPECT_EQ(subscriber.got.at("one/" + publisher), ones);
        if (!twos) return;
        EXPECT_EQ(subscriber.got.at("two/" + publisher), both);
    }

    log::Capture quiet_;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    std::uint64_t ahead_max_ = 0;
    std::unique_ptr<Life> life_;
};

TEST_F(Spilling, fifty_thousand_messages_wait_in_the_journal_and_come_in_order) {
    open(spilling());
    Subscriber subscriber("s");
    subscriber.receive_maximum = 200;
    subscribe(subscriber);
    Publisher publisher("p");
    publish(publisher, 50'000);
    EXPECT_GT(metrics().spilled_messages, 49'800u);
    EXPECT_LE(metrics().queued_bytes, 64u << 10);
    EXPECT_EQ(metrics().queue_overflows, 0u);
    const auto views = life_->core->sessions();
    for (const SessionView& view : views)
        if (view.client_id == "s") {
            EXPECT_EQ(view.queued_messages, 50'000u);
            EXPECT_EQ(view.spilled_messages, metrics().spilled_messages);
            EXPECT_EQ(view.spilled_bytes, metrics().spilled_bytes);
        }
    subscriber.connect(*life_);
    drain({&subscriber});
    expect_all(subscriber, "p", 1, 50'000);
    EXPECT_LE(ahead_max_, std::size_t{64} << 10);  // 64 messages
    EXPECT_EQ(metrics().spilled_bytes, 0u);
}

TEST_F(Spilling, a_restart_leaves_them_where_they_are) {
    Limits limits = spilling();
    open(limits);
    Subscriber subscriber("s");
    subscriber.receive_maximum = 50;
    subscribe(subscriber);
    Publisher publisher("p");
    publish(publisher, 5'000);
    limits.queued_bytes_in_all = 20'000;
    publisher.disconnect();
    open(limits);
    EXPECT_GT(metrics().spilled_messages, 4'900u);
    EXPECT_LE(metrics().queued_bytes, 20'000u);
    publish(publisher, 1'000);
    subscriber.connect(*life_);
    drain({&subscriber});
    expect_all(subscriber, "p", 1, 6'000);
}

TEST_F(Spilling, messages_that_come_while_the_client_reads_stay_behind_those_that_waited) {
    open(spilling());
    Subscriber subscriber("s");
    subscriber.receive_maximum = 20;
    subscribe(subscriber);
    Publisher publisher("p");
    publish(publisher, 1'000);
    subscriber.connect(*life_);
    for (int i = 0; i < 200; ++i) {
        publish(publisher, 10);
        life_->read_on();
        subscriber.listen();
        subscriber.answer_some(8);
        if (i % 50 == 49) {
            subscriber.disconnect();
            subscriber.forget_answers();
            subscriber.connect(*life_);
        }
    }
    drain({&subscriber});
    const auto& twos = subscriber.got.at("two/p");
    EXPECT_EQ(twos.size(), 1'500u);
    EXPECT_TRUE(std::is_sorted(twos.begin(), twos.end()));
    std::set<int> ones(subscriber.got.at("one/p").begin(), subscriber.got.at("one/p").end());
    EXPECT_EQ(ones.size(), 1'500u);
    EXPECT_EQ(metrics().slow_consumers_dropped, 0u);
}

TEST_F(Spilling, the_journal_moves_what_is_spilled_and_stays_small) {
    open(spilling());
    Subscriber absent("absent"), present("present");
    subscribe(absent);
    Publisher publisher("p");
    publish(publisher, 2'000);
    // From now on each message is done for one of both at once.
    absent.connect(*life_);
    absent.listen();
    Unsubscribe leave;
    leave.id = 9;
    leave.filters = {"one/#", "two/#"};
    Bytes bytes;
    encode(bytes, Version::v5, leave);
    life_->clients.at("absent")->connection->receive(bytes);
    absent.disconnect();
    absent.forget_answers();
    present.connect(*life_);
    for (int i = 0; i < 1'500; ++i) {
        publish(publisher, 10, false);
        life_->read_on();
        present.listen();
        present.answer_some(100);
    }
    EXPECT_GT(life_->journal->moved_records(), 2'000u);
    EXPECT_LT(life_->journal->bytes(), 2 * life_->journal->living_bytes() + (200u << 10));
    EXPECT_EQ(metrics().spilled_lost, 0u);
    absent.got.clear();
    absent.receive_maximum = 30;
    open(spilling());  // what was moved is what counts
    publisher.power_is_gone(), present.power_is_gone();
    absent.connect(*life_);
    drain({&absent});
    std::set<int> all(absent.got["one/p"].begin(), absent.got["one/p"].end());
    all.insert(absent.got["two/p"].begin(), absent.got["two/p"].end());
    EXPECT_EQ(all.size(), 2'000u);
}

TEST_F(Spilling, a_message_that_cannot_be_read_is_lost_counted_and_in_nobodys_way) {
    open(spilling());
    Subscriber subscriber("s");
    subscriber.receive_maximum = 50;
    subscribe(subscriber);
    Publisher publisher("p");
    publish(publisher, 1'000, false);
    const std::string folder = folder_.path() + "/sessions";
    const std::string payload = "777" + std::string(40, '.');
    std::size_t hit = 0;
    const auto entries = *life_->files->list(folder);
    for (const files::Entry& entry : entries) {
        const std::string path = files::join(folder, entry.name);
        const Bytes bytes = *files::read_all(*life_->files, path);
        const auto at = std::search(bytes.begin(), bytes.end(), payload.begin(), payload.end());
        if (at == bytes.end()) continue;
        ++hit;
        auto file = *life_->files->open(path, files::Mode::write);
        ASSERT_TRUE(
            file->write_at(static_cast<std::uint64_t>(at - bytes.begin()), bytes_of("rot")));
    }
    ASSERT_EQ(hit, 1u);
    subscriber.connect(*life_);
    drain({&subscriber});
    EXPECT_EQ(metrics().spilled_lost, 1u);
    const auto lines = quiet_.lines();
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
        return line.find("mqtt.message.unreadable") != std::string::npos;
    }));
    auto& got = subscriber.got.at("one/p");
    EXPECT_EQ(got.size(), 999u);
    got.insert(got.begin() + 776, 777);
    expect_all(subscriber, "p", 1, 1'000, false);
}

TEST_F(Spilling, a_disk_that_fails_for_a_while_delays_what_is_spilled) {
    open(spilling());
    Subscriber subscriber("s");
    subscriber.receive_maximum = 50;
    subscribe(subscriber);
    Publisher publisher("p");
    publish(publisher, 1'000);
    life_->files->fail(files::Call::read, 1, files::Fault::io_error, 3);
    subscriber.connect(*life_);
    for (int i = 0; i < 10; ++i) {
        turn();
        subscriber.listen();
        subscriber.answer_some(100);
        life_->core->tick();
    }
    drain({&subscriber});
    expect_all(subscriber, "p", 1, 1'000);
    EXPECT_EQ(metrics().spilled_lost, 0u);
}

TEST_F(Spilling, beyond_what_may_be_spilled_the_oldest_go) {
    Limits limits = spilling();
    limits.spilled_messages = 300;
    open(limits);
    Subscriber subscriber("s");
    subscribe(subscriber);
    Publisher publisher("p");
    publish(publisher, 1'000, false);
    EXPECT_EQ(metrics().spilled_messages, 300u);
    EXPECT_EQ(metrics().queue_overflows, 600u);  // and 100 are in memory
    const int kept = 400;
    subscriber.connect(*life_);
    drain({&subscriber});
    expect_all(subscriber, "p", 1'001 - kept, 1'000, false);
}

TEST_F(Spilling, bytes_are_limited_per_session_and_in_all) {
    Limits limits = spilling();
    limits.spilled_bytes = 40'000;
    limits.spilled_bytes_in_all = 60'000;
    open(limits);
    Subscriber one("s1"), two("s2");
    subscribe(one), subscribe(two);
    Publisher publisher("p");
    publish(publisher, 1'500, false);
    EXPECT_LE(metrics().spilled_bytes, 60'000u);
    EXPECT_GT(metrics().spilled_bytes, 50'000u);
    EXPECT_GT(metrics().queue_overflows, 0u);
    for (const SessionView& view : life_->core->sessions())
        EXPECT_LE(view.spilled_bytes, 40'000u) << view.client_id;
    one.connect(*life_), two.connect(*life_);
    drain({&one, &two});
    EXPECT_EQ(one.got["one/p"].back(), 1'500);
    EXPECT_EQ(two.got["one/p"].back(), 1'500);
    EXPECT_TRUE(std::is_sorted(one.got["one/p"].begin(), one.got["one/p"].end()));
}

TEST_F(Spilling, a_connected_client_is_dropped_only_when_nothing_may_be_spilled) {
    Limits limits = spilling();
    limits.spilled_messages = 500;
    open(limits);
    Subscriber subscriber("s");
    subscriber.receive_maximum = 1;  // and never answers
    subscribe(subscriber);
    subscriber.connect(*life_);
    turn();
    Publisher publisher("p");
    publish(publisher, 500, false);
    EXPECT_EQ(metrics().slow_consumers_dropped, 0u);
    EXPECT_GT(metrics().spilled_messages, 300u);
    publish(publisher, 500, false);
    EXPECT_EQ(metrics().slow_consumers_dropped, 1u);
}

TEST_F(Spilling, read_ahead_stays_in_its_limits_and_all_comes_however_small_they_are) {
    Limits limits = spilling();
    limits.read_ahead_messages = 7;
    limits.read_ahead_bytes_in_all = 1;
    open(limits);
    Subscriber subscriber("s");
    subscriber.receive_maximum = 3;
    subscribe(subscriber);
    Publisher publisher("p");
    publish(publisher, 500);
    subscriber.connect(*life_);
    drain({&subscriber});
    expect_all(subscriber, "p", 1, 500);
    EXPECT_GT(ahead_max_ + 1, 0u);
    EXPECT_LT(ahead_max_, 300u);  // one message
}

TEST_F(Spilling, a_message_for_many_is_spilled_and_read_for_each) {
    open(spilling());
    std::vector<Subscriber> subscribers{Subscriber("s1"), Subscriber("s2"), Subscriber("s3")};
    for (Subscriber& subscriber : subscribers) subscriber.receive_maximum = 40;
    subscribe(subscribers[0]), subscribe(subscribers[1]);
    Publisher publisher("p");
    publish(publisher, 1'000);
    subscribe(subscribers[2]);
    publish(publisher, 50);
    for (Subscriber& subscriber : subscribers) subscriber.connect(*life_);
    drain({&subscribers[0], &subscribers[1], &subscribers[2]});
    expect_all(subscribers[0], "p", 1, 1'050);
    expect_all(subscribers[1], "p", 1, 1'050);
    expect_all(subscribers[2], "p", 1'001, 1'050);
}

TEST_F(Spilling, under_the_policy_drop_nothing_new_is_spilled_and_what_is_still_comes) {
    Limits limits = spilling();
    open(limits);
    Subscriber subscriber("s");
    subscribe(subscriber);
    Publisher publisher("p");
    publish(publisher, 1'000, false);
    publisher.disconnect();
    limits.slow_consumers = SlowConsumers::drop;
    limits.queued_bytes_in_all = 50'000;
    open(limits);
    const std::uint64_t spilled = metrics().spilled_messages;
    EXPECT_GT(spilled, 500u);
    publish(publisher, 1'000, false);
    EXPECT_LE(metrics().spilled_messages, spilled + 100);
    EXPECT_GT(metrics().queue_overflows, 800u);
    subscriber.connect(*life_);
    drain({&subscriber});
    EXPECT_GE(subscriber.got["one/p"].size(), 1'000u);
    EXPECT_TRUE(std::is_sorted(subscriber.got["one/p"].begin(), subscriber.got["one/p"].end()));
}

}  // namespace
}  // namespace mw::mqtt::survival
