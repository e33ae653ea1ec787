// Members of a shared subscription that come and go, and power cuts: what was acknowledged arrives
// at some member, and at QoS 2 at one of them, once.
#include <gtest/gtest.h>

#include <deque>
#include <iostream>
#include <random>

#include "base/log.h"
#include "protocols/mqtt/journal_life.h"

namespace mw::mqtt::survival {
namespace {

class SharedSurvival : public testing::Test {
 protected:
    void listen() {
        for (Subscriber& member : members_) member.listen();
        publisher_.listen();
    }
    void flush(Life& life) {
        ASSERT_TRUE(sync_wait(*life.loop, life.journal->flush()));
        listen();
    }
    void leave(Subscriber& member) {
        member.disconnect();
        member.forget_answers();
    }
    void power_is_gone(Life& life) {
        ignore(life.files->power_cut(), "it may be gone already");
        for (Subscriber& member : members_) member.power_is_gone(), member.forget_answers();
        publisher_.power_is_gone();
    }
    std::vector<int> got(const Subscriber& member, const std::string& topic) {
        const auto found = member.got.find(topic);
        return found == member.got.end() ? std::vector<int>{} : found->second;
    }
    // Until the power goes, or the steps are over.
    void play(Life& life, int steps) {
        for (int i = 0; i < steps && !life.files->is_cut(); ++i) {
            if (members_[0].subscribed)
                publisher_.publish(random_() % 2 == 0 ? QoS::at_least_once : QoS::exactly_once);
            Subscriber& member = members_[random_() % members_.size()];
            if (!member.is_up())
                member.connect(life);
            else if (random_() % 6 == 0)
                leave(member);
            if (random_() % 3 == 0)
                ignore(sync_wait(*life.loop, life.journal->flush()), "the power may go");
            else
                life.loop->turn(false);
            listen();
            for (Subscriber& one : members_) one.answer_some(random_() % 3);
        }
    }
    // Everybody is there and answers, until nothing is under way.
    void settle(Life& life) {
        for (Subscriber& member : members_) leave(member), member.connect(life);
        publisher_.connect(life);
        for (int i = 0; i < 10'000; ++i) {
            flush(life);
            bool idle = publisher_.idle();
            for (Subscriber& member : members_) {
                member.answer_some(1'000);
                idle = idle && member.idle();
            }
            if (idle && life.journal->durable() == life.journal->end()) return;
        }
        FAIL() << "messages are still under way";
    }

    log::Capture quiet_;
    std::mt19937_64 random_{std::random_device{}()};
    std::deque<Subscriber> members_{Subscriber("a", "$share/g/"), Subscriber("b", "$share/g/"),
                                    Subscriber("c", "$share/g/")};
    Publisher publisher_{"p"};
};

TEST_F(SharedSurvival, after_a_power_cut_the_first_member_to_come_gets_what_the_others_hold) {
    const auto folder = *files::TemporaryDirectory::make();
    Subscriber &a = members_[0], &b = members_[1];
    {
        Life life(folder.path(), 1);
        ASSERT_TRUE(life.start(folder.path()));
        a.connect(life);
        publisher_.connect(life);
        flush(life);
        publisher_.publish(QoS::at_least_once);
        publisher_.publish(QoS::exactly_once);
        for (int i = 0; i < 3; ++i) flush(life);
        EXPECT_EQ(publisher_.acknowledged.size(), 2u);
        EXPECT_EQ(got(a, "one/p"), std::vector<int>{1});
        EXPECT_EQ(got(a, "two/p"), std::vector<int>{2});
        power_is_gone(life);
    }
    {
        Life life(folder.path(), 2);
        ASSERT_TRUE(life.start(folder.path()));
        b.connect(life);
        for (int i = 0; i < 3; ++i) flush(life);
        EXPECT_EQ(got(b, "one/p"), std::vector<int>{1});
        EXPECT_TRUE(got(b, "two/p").empty());  // MQTT-4.8.2-5
        power_is_gone(life);
    }
    // That it is b's now has survived as well.
    Life life(folder.path(), 3);
    ASSERT_TRUE(life.start(folder.path()));
    b.connect(life);
    for (int i = 0; i < 3; ++i) flush(life);
    a.connect(life);
    for (int i = 0; i < 3; ++i) flush(life);
    EXPECT_EQ(got(a, "one/p"), std::vector<int>{1});
    EXPECT_EQ(got(b, "one/p"), (std::vector<int>{1, 1}));
    EXPECT_EQ(got(a, "two/p"), std::vector<int>{2});  // again, which the client knows
    settle(life);
}

TEST_F(SharedSurvival, power_cuts_lose_nothing_and_repeat_nothing_at_qos_2) {
    const std::uint64_t seed = random_();
    random_.seed(seed);
    std::cout << "seed " << seed << '\n';
    const int cuts = std::getenv("MW_LONG") != nullptr ? 500 : 50;
    const auto folder = *files::TemporaryDirectory::make();
    std::uint64_t passed_on = 0;
    for (int cut = 0; cut < cuts; ++cut) {
        Life life(folder.path(), random_());
        ASSERT_TRUE(life.start(folder.path()));
        for (Subscriber& member : members_) member.connect(life);
        publisher_.connect(life);
        if (random_() % 2 == 0)
            life.files->fail(files::Call::any, 1 + random_() % 60, files::Fault::power_cut);
        play(life, 20 + static_cast<int>(random_() % 60));
        passed_on += life.core->metrics().shared_passed_on;
        power_is_gone(life);
    }
    Life last(folder.path(), random_());
    ASSERT_TRUE(last.start(folder.path()));
    settle(last);
    std::set<int> arrived;
    for (const Subscriber& member : members_) {
        for (const int number : got(member, "two/p"))
            EXPECT_TRUE(arrived.insert(number).second) << number << " twice at QoS 2";
        for (const int number : got(member, "one/p")) arrived.insert(number);
    }
    for (const int number : publisher_.acknowledged)
        EXPECT_TRUE(arrived.contains(number)) << number << " is lost";
    EXPECT_GT(publisher_.acknowledged.size(), static_cast<std::size_t>(cuts) * 3);
    EXPECT_GT(passed_on, static_cast<std::uint64_t>(cuts));
}

}  // namespace
}  // namespace mw::mqtt::survival
