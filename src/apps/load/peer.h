#pragma once
// Inside the module: one MQTT connection of a load, on the codec and a stream. Parses in place and
// copies nothing. Belongs to the loop of its run.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "apps/load/options.h"
#include "platform/loop/loop.h"
#include "platform/net/net.h"

namespace mw::load {

class Peer {
 public:
    struct Ears {
        std::function<void(const mqtt::Publish&)> message = {};
        std::function<void()> finished = {};  // one of its publishes, the oldest first
    };
    Peer(Scope& scope, const Options& options, std::string client_id, Ears ears)
        : scope_(scope),
          options_(options),
          client_id_(std::move(client_id)),
          ears_(std::move(ears)) {}

    // Until CONNACK.
    Task<> open(net::ConnectOptions to);
    Task<> subscribe(std::string filter);  // until SUBACK
    // False: there is no connection, or no room in it.
    bool publish(std::string_view topic, ByteView payload);
    std::size_t unfinished() const { return unfinished_; }
    void close();  // says goodbye

    bool is_open() const { return open_; }
    const std::string& why() const { return why_; }  // it closed
    std::uint32_t window() const { return window_; }

 private:
    static Task<> read(Peer& self);
    std::size_t parse(ByteView bytes);
    mqtt::Fault dispatch(const mqtt::Frame& frame);
    mqtt::Fault on_publish(const mqtt::Frame& frame);
    mqtt::Fault on_ack(const mqtt::Frame& frame);
    mqtt::Fault on_connack(const mqtt::Frame& frame);
    void send_ack(mqtt::PacketType type, mqtt::PacketId id);
    bool send();
    void broke(std::string why);

    Scope& scope_;
    const Options& options_;
    std::string client_id_;
    Ears ears_;
    std::unique_ptr<net::Stream> stream_;
    Bytes output_;
    Bytes partial_;
    mqtt::Publish packet_;
    mqtt::PacketId last_id_ = 0;
    std::uint32_t window_ = 65'535;  // what the broker takes at once
    std::size_t unfinished_ = 0;
    std::unordered_set<mqtt::PacketId> unreleased_;  // QoS 2 that came and was not released
    bool open_ = false;
    bool answered_well_ = false;
    Event answered_;  // CONNACK or SUBACK, or the end
    std::string why_;
};

}  // namespace mw::load
