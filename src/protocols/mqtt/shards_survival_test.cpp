// Power cuts under load while messages cross shards, each with a journal of its own: whatever was
// acknowledged arrives, whichever of the journals the cut hits in the middle.
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "base/log.h"
#include "protocols/mqtt/home.h"
#include "protocols/mqtt/journal_life.h"
#include "protocols/mqtt/shard.h"

namespace mw::mqtt::survival {
namespace {

constexpr ShardNumber shards_in_all = 2;

// Two shards on one loop and one disk, from one power-up to the next.
class ShardedLife {
 public:
    ShardedLife(const std::string& directory, std::uint64_t seed)
        : files(*files::FaultyFiles::open(directory, seed)), loop(*Loop::open()) {
        for (ShardNumber n = 0; n < shards_in_all; ++n)
            shards.push_back(std::make_shared<Shard>(*loop, random, Limits{}, all_may, nullptr, n,
                                                     shards_in_all, false));
        const auto board = std::make_shared<MetricsBoard>(shards_in_all);
        for (const auto& shard : shards) shard->meet({shards.begin(), shards.end()}, board);
    }
    ~ShardedLife() {
        for (auto& [name, client] : clients) client.reset();
        for (const auto& shard : shards) {
            if (!shard->journal) continue;
            shard->journal->on_durable({});
            ignore(sync_wait(*loop, shard->journal->stop()), "the power may be gone");
        }
        loop->turn(false);  // parcels that are still under way
        shards.clear();
    }
    bool start(const std::string& directory) {
        for (const auto& shard : shards) {
            JournalOptions options;
            options.directory = journal_directory(directory + "/sessions", at_++);
            options.segment_bytes = 32 << 10;
            options.slack_bytes = 8 << 10;
            auto found = shard->open_journal(*files, workers, options);
            if (!found) return false;
            shard->restore(*std::move(found));
        }
        agree(shards);
        return true;
    }
    FakeClient& connect(const std::string& name) {
        auto& place = clients[name];
        place.reset();
        place = std::make_unique<FakeClient>();
        Core& home = shards[home_of({}, name, shards_in_all, Spread::even)]->core;
        place->connection = std::make_unique<Connection>(home, place->wire, Identity{});
        return *place;
    }
    bool flush() {
        bool all = true;
        for (const auto& shard : shards) {
            loop->turn(false);
            all = sync_wait(*loop, shard->journal->flush()).ok() && all;
        }
        return all;
    }
    bool is_quiet() const {
        for (const auto& shard : shards)
            if (shard->journal->durable() != shard->journal->end() ||
                shard->peers->bytes_under_way() > 0)
                return false;
        return true;
    }

    std::unique_ptr<files::FaultyFiles> files;
    std::unique_ptr<Loop> loop;
    Workers workers{{1, 16, 0, "log"}};
    SystemRandom random;
    std::vector<std::shared_ptr<Shard>> shards;
    std::map<std::string, std::unique_ptr<FakeClient>> clients;

 private:
    ShardNumber at_ = 0;
};

std::string at_home(ShardNumber shard, const std::string& stem) {
    for (int n = 0;; ++n) {
        std::string name = stem + std::to_string(n);
        if (home_of({}, name, shards_in_all, Spread::even) == shard) return name;
    }
}

class ShardsSurvival : public testing::Test {
 protected:
    void listen() {
        for (auto& subscriber : subscribers_) subscriber.listen();
        for (auto& publisher : publishers_) publisher.listen();
    }
    void play(ShardedLife& life, int steps) {
        for (int i = 0; i < steps && !life.files->is_cut(); ++i) {
            Publisher& publisher = publishers_[random_() % publishers_.size()];
            if (subscribers_[0].subscribed && subscribers_[1].subscribed)
                publisher.publish(random_() % 2 == 0 ? QoS::at_least_once : QoS::exactly_once);
            if (random_() % 40 == 0) publisher.disconnect(), publisher.connect(life);
            if (random_() % 3 == 0)
                life.flush();
            else
                life.loop->turn(false);
            listen();
            for (auto& subscriber : subscribers_) subscriber.answer_some(random_() % 8);
        }
        for (auto& subscriber : subscribers_) {
            subscriber.power_is_gone();
            subscriber.forget_answers();
        }
        for (auto& publisher : publishers_) publisher.power_is_gone();
    }
    void settle(ShardedLife& life) {
        for (int i = 0; i < 10'000; ++i) {
            ASSERT_TRUE(life.flush());
            listen();
            bool idle = life.is_quiet();
            for (auto& subscriber : subscribers_) {
                subscriber.answer_some(1'000);
                idle = idle && subscriber.idle();
            }
            for (const auto& publisher : publishers_) idle = idle && publisher.idle();
            if (idle && i > 10) return;
        }
        FAIL() << "messages are still under way";
    }
    void connect(ShardedLife& life) {
        for (auto& subscriber : subscribers_) subscriber.connect(life);
        for (auto& publisher : publishers_) publisher.connect(life);
    }

    log::Capture quiet_;
    std::mt19937_64 random_{std::random_device{}()};
    std::vector<Subscriber> subscribers_{Subscriber(at_home(0, "s")), Subscriber(at_home(1, "s"))};
    std::vector<Publisher> publishers_{Publisher(at_home(0, "p")), Publisher(at_home(1, "p"))};
};

TEST_F(ShardsSurvival, power_cuts_lose_nothing_that_crossed_shards) {
    const std::uint64_t seed = random_();
    random_.seed(seed);
    std::cout << "seed " << seed << '\n';
    const int cuts = std::getenv("MW_LONG") != nullptr ? 1'000 : 50;
    const auto folder = *files::TemporaryDirectory::make();
    for (int cut = 0; cut < cuts; ++cut) {
        ShardedLife life(folder.path(), random_());
        ASSERT_TRUE(life.start(folder.path()));
        connect(life);
        if (random_() % 2 == 0)
            life.files->fail(files::Call::any, 1 + random_() % 60, files::Fault::power_cut);
        play(life, 20 + static_cast<int>(random_() % 60));
        ignore(life.files->power_cut(), "it may be gone already");
    }
    ShardedLife last(folder.path(), random_());
    ASSERT_TRUE(last.start(folder.path()));
    connect(last);
    settle(last);
    std::size_t acknowledged = 0;
    for (const auto& publisher : publishers_) {
        acknowledged += publisher.acknowledged.size();
        for (auto& subscriber : subscribers_) {
            const auto& once = subscriber.got["two/" + publisher.name()];
            std::set<int> arrived(once.begin(), once.end());
            ASSERT_EQ(arrived.size(), once.size()) << publisher.name() << ": twice at QoS 2";
            ASSERT_TRUE(std::is_sorted(once.begin(), once.end())) << publisher.name();
            for (const int number : subscriber.got["one/" + publisher.name()])
                arrived.insert(number);
            for (const int number : publisher.acknowledged)
                ASSERT_TRUE(arrived.contains(number)) << publisher.name() << " lost " << number;
        }
    }
    EXPECT_GT(acknowledged, static_cast<std::size_t>(cuts) * 3);
}

}  // namespace
}  // namespace mw::mqtt::survival
