// Power cuts at random instants under QoS 1 and 2 with sessions that persist: whatever was
// acknowledged arrives, what is QoS 2 arrives once, and each publisher's messages in their order.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "base/log.h"
#include "platform/files/files.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer everyone_may;

// The broker, from one power-up to the next.
class Life {
 public:
    Life(const std::string& directory, std::uint64_t seed)
        : files(*files::FaultyFiles::open(directory, seed)), loop(*Loop::open()) {}
    ~Life() {
        for (auto& [name, client] : clients) client.reset();
        if (journal) journal->on_durable({});
        core.reset();
        if (journal) ignore(sync_wait(*loop, journal->stop()), "the power may be gone");
    }
    bool start(const std::string& directory) {
        JournalOptions options;
        options.directory = directory + "/sessions";
        options.segment_bytes = 32 << 10;
        options.slack_bytes = 8 << 10;
        JournalState state;
        auto opened = Journal::open(*files, *loop, workers, options,
                                    [&](const JournalRecord& record, const Journal::Place& place) {
                                        state.apply(record, place);
                                    });
        if (!opened) return false;
        journal = *std::move(opened);
        core = std::make_unique<Core>(Core::Parts{clock, random, everyone_may, nullptr, {}});
        core->use(*journal, std::move(state));
        journal->on_durable([this](Ticket) { core->on_journal_durable(); });
        return true;
    }
    FakeClient& connect(const std::string& name) {
        auto& place = clients[name];
        place.reset();
        place = std::make_unique<FakeClient>();
        place->connection = std::make_unique<Connection>(*core, place->wire, Identity{});
        return *place;
    }

    std::unique_ptr<files::FaultyFiles> files;
    std::unique_ptr<Loop> loop;
    Workers workers{{1, 16, 0, "log"}};
    RealClock clock;
    SystemRandom random;
    std::unique_ptr<Journal> journal;
    std::unique_ptr<Core> core;
    std::map<std::string, std::unique_ptr<FakeClient>> clients;
};

// A client that never loses what it knows, only its connection. Its state is what MQTT 5 4.1 asks
// of a client.
class ModelClient {
 public:
    explicit ModelClient(std::string name) : name_(std::move(name)) {}
    virtual ~ModelClient() = default;

    void connect(Life& life) {
        wire_ = &life.connect(name_);
        up_ = false;
        Connect packet;
        packet.client_id = name_;
        packet.clean_start = false;
        packet.properties.set(Property::session_expiry, 100'000);
        Bytes bytes;
        encode(bytes, packet);
        send(bytes);
    }
    void disconnect() {
        if (wire_ != nullptr && wire_->connection) wire_->connection->lost("gone");
        power_is_gone();
    }
    void power_is_gone() { wire_ = nullptr, up_ = false; }
    bool is_up() const { return up_; }

    // Takes in what the broker has sent.
    void listen() {
        while (wire_ != nullptr) {
            const ByteView all = wire_->wire.written;
            Frame frame;
            ASSERT_TRUE(next_frame(all.subspan(wire_->read), 1 << 20, frame).ok());
            if (frame.size == 0) return;
            wire_->read += frame.size;
            const Bytes copy(frame.body.begin(), frame.body.end());  // answers make `written` grow
            frame.body = copy;
            if (frame.type == PacketType::connack) {
                up_ = true;
                on_up();
            } else {
                on_packet(frame);
            }
        }
    }
    virtual void on_up() = 0;
    virtual void on_packet(const Frame& frame) = 0;

 protected:
    void send(const Bytes& bytes) {
        if (wire_ != nullptr) wire_->connection->receive(bytes);
    }
    void answer(PacketType type, PacketId id) {
        Bytes bytes;
        Ack packet;
        packet.id = id;
        encode(bytes, Version::v5, type, packet);
        send(bytes);
    }
    static PacketId id_of(const Frame& frame) {
        Ack packet;
        EXPECT_TRUE(decode(frame, Version::v5, packet).ok());
        return packet.id;
    }
    std::string name_;
    FakeClient* wire_ = nullptr;
    bool up_ = false;
};

class Publisher final : public ModelClient {
 public:
    using ModelClient::ModelClient;
    void publish(QoS qos) {
        if (!up_ || unanswered_.size() >= 20) return;
        const PacketId id = next_id_;
        next_id_ = static_cast<PacketId>(next_id_ % 1'000 + 1);
        if (unanswered_order_.end() !=
            std::find(unanswered_order_.begin(), unanswered_order_.end(), id))
            return;
        unanswered_[id] = {++sent_, qos, false};
        unanswered_order_.push_back(id);
        send_publish(id, false);
    }
    void on_up() override {
        for (const PacketId id : std::vector<PacketId>(unanswered_order_)) {
            if (unanswered_[id].received)
                answer(PacketType::pubrel, id);
            else
                send_publish(id, true);
        }
    }
    void on_packet(const Frame& frame) override {
        const PacketId id = id_of(frame);
        if (frame.type == PacketType::puback) {
            done(id);
        } else if (frame.type == PacketType::pubrec) {
            acknowledged.insert(unanswered_[id].number);
            unanswered_[id].received = true;
            answer(PacketType::pubrel, id);
        } else if (frame.type == PacketType::pubcomp) {
            done(id);
        }
    }
    bool idle() const { return unanswered_.empty(); }
    const std::string& name() const { return name_; }
    std::set<int> acknowledged;

 private:
    struct Sent {
        int number = 0;
        QoS qos = QoS::at_least_once;
        bool received = false;
    };
    void done(PacketId id) {
        acknowledged.insert(unanswered_[id].number);
        unanswered_.erase(id);
        std::erase(unanswered_order_, id);
    }
    void send_publish(PacketId id, bool dup) {
        const Sent& sent = unanswered_[id];
        const std::string payload = std::to_string(sent.number) + std::string(40, '.');
        Publish packet;
        packet.dup = dup;
        packet.qos = sent.qos;
        packet.id = id;
        const std::string topic = (sent.qos == QoS::exactly_once ? "two/" : "one/") + name_;
        packet.topic = topic;
        packet.payload = bytes_of(payload);
        Bytes bytes;
        encode(bytes, Version::v5, packet);
        send(bytes);
    }
    int sent_ = 0;
    PacketId next_id_ = 1;
    std::map<PacketId, Sent> unanswered_;
    std::vector<PacketId> unanswered_order_;
};

class Subscriber final : public ModelClient {
 public:
    using ModelClient::ModelClient;
    void on_up() override {
        Subscribe packet;
        packet.id = 1;
        packet.filters = {{"one/#", {.qos = QoS::at_least_once}},
                          {"two/#", {.qos = QoS::exactly_once}}};
        Bytes bytes;
        encode(bytes, Version::v5, packet);
        send(bytes);
    }
    void on_packet(const Frame& frame) override {
        if (frame.type == PacketType::suback) subscribed = true;
        if (frame.type == PacketType::publish) on_publish(frame);
        if (frame.type == PacketType::pubrel) {
            held_.erase(id_of(frame));
            answers_.push_back({PacketType::pubcomp, id_of(frame)});
        }
    }
    // Some of what is due, in order.
    void answer_some(std::size_t most) {
        for (; most > 0 && !answers_.empty() && wire_ != nullptr; --most) {
            const auto [type, id] = answers_.front();
            answers_.erase(answers_.begin());
            answer(type, id);
        }
    }
    void forget_answers() { answers_.clear(); }
    bool idle() const { return answers_.empty(); }

    std::map<std::string, std::vector<int>> got;  // by topic
    bool subscribed = false;

 private:
    void on_publish(const Frame& frame) {
        Publish packet;
        ASSERT_TRUE(decode(frame, Version::v5, packet).ok());
        const bool twice = packet.qos == QoS::exactly_once && !held_.insert(packet.id).second;
        if (!twice)
            got[std::string(packet.topic)].push_back(
                std::atoi(std::string(text_of(packet.payload)).c_str()));
        answers_.push_back(
            {packet.qos == QoS::exactly_once ? PacketType::pubrec : PacketType::puback, packet.id});
    }
    std::set<PacketId> held_;  // received at QoS 2, not yet released
    std::vector<std::pair<PacketType, PacketId>> answers_;
};

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
            else
                life.loop->turn(false);
            listen();
            subscriber_.answer_some(random_() % 4);
        }
        subscriber_.power_is_gone();
        subscriber_.forget_answers();
        for (auto& publisher : publishers_) publisher.power_is_gone();
    }
    void settle(Life& life) {
        connect(life);
        for (int i = 0; i < 10'000; ++i) {
            ASSERT_TRUE(sync_wait(*life.loop, life.journal->flush()));
            listen();
            subscriber_.answer_some(1'000);
            bool idle = subscriber_.idle();
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
};

TEST_F(JournalSurvival, power_cuts_lose_nothing_acknowledged_and_repeat_nothing_at_qos_2) {
    const std::uint64_t seed = random_();
    random_.seed(seed);
    std::cout << "seed " << seed << '\n';
    const int cuts = std::getenv("MW_LONG") != nullptr ? 1'000 : 100;
    const auto folder = *files::TemporaryDirectory::make();
    std::uint64_t moved = 0;
    for (int cut = 0; cut < cuts; ++cut) {
        Life life(folder.path(), random_());
        ASSERT_TRUE(life.start(folder.path()));
        if (cut == 0) visit(life);
        connect(life);
        if (random_() % 2 == 0)
            life.files->fail(files::Call::any, 1 + random_() % 60, files::Fault::power_cut);
        play(life, 20 + static_cast<int>(random_() % 60));
        moved += life.journal->moved_records();
        ignore(life.files->power_cut(), "it may be gone already");
    }
    Life last(folder.path(), random_());
    ASSERT_TRUE(last.start(folder.path()));
    check_visitor(last);
    settle(last);
    std::size_t acknowledged = 0;
    for (const auto& publisher : publishers_)
        check(publisher), acknowledged += publisher.acknowledged.size();
    EXPECT_GT(acknowledged, static_cast<std::size_t>(cuts) * 5);
    EXPECT_GT(moved, 0u);
}

}  // namespace
}  // namespace mw::mqtt
