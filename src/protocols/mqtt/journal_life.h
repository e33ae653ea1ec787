#pragma once
// For tests of the journal: a broker from one power-up to the next, and clients that never forget.
// Belongs to one test.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "platform/files/files.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt::survival {

inline const OpenAuthorizer all_may;

// The broker, from one power-up to the next.
class Life {
 public:
    Life(const std::string& directory, std::uint64_t seed, Limits limits = {})
        : limits(limits), files(*files::FaultyFiles::open(directory, seed)), loop(*Loop::open()) {}
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
        JournalState state(limits.queued_bytes_in_all);
        auto opened = Journal::open(*files, *loop, workers, options,
                                    [&](const JournalRecord& record, const Journal::Place& place) {
                                        state.apply(record, place);
                                    });
        if (!opened) return false;
        journal = *std::move(opened);
        core = std::make_unique<Core>(Core::Parts{clock, random, all_may, nullptr, limits});
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

    // Until what the disk was asked for by now has come.
    void read_on() {
        loop->turn(false);
        ignore(sync_wait(*loop, workers.run([] {})), "its only job is to be behind the others");
        loop->turn(false);
    }

    Limits limits;
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

    template <class AnyLife>
    void connect(AnyLife& life) {
        wire_ = &life.connect(name_);
        up_ = false;
        Connect packet;
        packet.client_id = name_;
        packet.clean_start = false;
        packet.properties.set(Property::session_expiry, 100'000);
        if (receive_maximum > 0) packet.properties.set(Property::receive_maximum, receive_maximum);
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
    std::uint16_t receive_maximum = 0;  // 0: as many as there are ids

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
        if (!up_ || unanswered_.size() >= window) return;
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
    std::size_t window = 20;

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
    // share is in front of its filters: "$share/g/", or nothing.
    explicit Subscriber(std::string name, std::string share = "")
        : ModelClient(std::move(name)), one_(share + "one/#"), two_(share + "two/#") {}
    void on_up() override {
        Subscribe packet;
        packet.id = 1;
        packet.filters = {{one_, {.qos = QoS::at_least_once}}, {two_, {.qos = QoS::exactly_once}}};
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
    std::string one_, two_;
    std::set<PacketId> held_;  // received at QoS 2, not yet released
    std::vector<std::pair<PacketType, PacketId>> answers_;
};

}  // namespace mw::mqtt::survival
