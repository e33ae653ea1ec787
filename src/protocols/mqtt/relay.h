#pragma once
// Inside the module: a bridge between two brokers without I/O. To each of them it is a client with
// a lasting session; packets of one go to the other with the same packet identifiers, and only the
// topic changes. So exchanges, queues and what survives a power cut are the sessions' own, and the
// relay knows nothing but the map. Owned by bridge.cpp or a test. Limits: one incomplete packet of
// the remote broker; what to_remote() and to_local() hold until they are taken.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/mqtt/bridge_map.h"
#include "protocols/mqtt/codec.h"

namespace mw::mqtt {

// User property of a message that left by a bridge: the broker that it passed. One for each.
inline constexpr std::string_view passed_property = "mw-passed";

struct BridgeCounters {
    std::uint64_t sent = 0;             // PUBLISH packets to the remote broker
    std::uint64_t received = 0;         // from it, handed to ours
    std::uint64_t looped = 0;           // dropped: it was here before, or passed too many brokers
    std::uint64_t unmapped = 0;         // dropped: no row carries its topic that way
    std::uint64_t oversized = 0;        // dropped: larger than the other side takes
    std::uint64_t refused = 0;          // by the remote broker, message by message
    std::uint64_t refused_in = 0;       // by ours
    std::uint64_t filters_refused = 0;  // subscriptions that the remote broker does not grant
};

struct RelayOptions {
    Version version = Version::v5;  // spoken with the remote broker; with ours it is MQTT 5
    // 3.1.1: says that we are a bridge as mosquitto does, by a bit of the protocol level. Then
    // nothing comes back that we sent, and messages keep their retain flag.
    bool bridge_bit = true;
    std::string client_id;
    std::optional<std::string> user_name = {};
    std::optional<std::string> password = {};
    std::uint16_t keep_alive_s = 60;
    std::uint32_t session_expiry_s = 0;     // at the remote broker
    std::string broker_id = {};             // ours, for messages that go in circles; empty: none
    std::size_t hops_max = 16;              // brokers that a message may have passed
    std::uint16_t receive_maximum = 1'024;  // what our broker takes
    std::size_t packet_bytes = std::size_t{1} << 20;
    bool local_is_new = false;  // our session was made for this bridge, and knows no exchange
};

class Relay {
 public:
    // The QoS 2 identifiers that our session holds for messages of the remote broker.
    using Unreleased = std::function<std::vector<PacketId>()>;
    Relay(const BridgeMap& map, RelayOptions options, BridgeCounters& counters,
          Unreleased unreleased = {});

    void begin();  // CONNECT for the remote broker
    // What came. Afterwards to_remote() and to_local() hold what is to be sent. An error ends both
    // connections.
    Result<> from_remote(ByteView bytes);
    Result<> from_local(ByteView packets);  // whole ones
    Bytes& to_remote() { return to_remote_; }
    Bytes& to_local() { return to_local_; }
    std::size_t unsent() const { return to_remote_.size(); }

    bool is_open() const { return phase_ == Phase::open; }
    // Nothing more is taken from the remote broker until ours has accepted us.
    bool waits_for_local() const { return phase_ == Phase::local_connects; }
    bool heard_connack() const { return phase_ != Phase::remote_connects || refused_; }
    bool version_refused() const { return version_refused_; }
    bool remote_present() const { return remote_present_; }
    std::uint16_t keep_alive_s() const { return keep_alive_s_; }              // 0: none
    std::uint16_t local_keep_alive_s() const { return local_keep_alive_s_; }  // 0: none

 private:
    enum class Phase : std::uint8_t { remote_connects, local_connects, open };
    enum class Side : std::uint8_t { remote, local };

    Version version_of(Side side) const {
        return side == Side::local ? Version::v5 : options_.version;
    }
    Bytes& out_to(Side side) { return side == Side::local ? to_local_ : to_remote_; }
    std::size_t packet_max_from_remote() const;
    Result<std::size_t> parse(ByteView bytes);
    Result<> dispatch_remote(const Frame& frame);
    Result<> dispatch_local(const Frame& frame);
    Result<> on_remote_connack(const Frame& frame);
    Result<> on_local_connack(const Frame& frame);
    Result<> on_disconnect(const Frame& frame, Side from);
    void connect_local(const Connack& remote);
    void open(bool local_present);
    void release_all_remote();
    void subscribe_remote();
    void subscribe_local();
    Result<> on_suback(const Frame& frame, Side from);
    Result<> pass_ack(const Frame& frame, Side from);
    Result<> carry(const Frame& frame, Side from);
    bool has_looped() const;
    void drop(Side from, std::uint64_t& counter, std::string_view why);

    const BridgeMap& map_;
    RelayOptions options_;
    BridgeCounters& counters_;
    Unreleased unreleased_;
    Phase phase_ = Phase::remote_connects;
    Bytes partial_;  // of the remote broker
    Bytes to_remote_, to_local_;
    Publish packet_;     // to decode into
    std::string topic_;  // the mapped one
    bool refused_ = false;
    bool version_refused_ = false;
    bool remote_present_ = false;
    bool local_new_ = false;
    bool drop_logged_ = false;  // one line a connection; the rest is counted
    bool refusal_logged_ = false;
    bool retain_available_ = true;
    QoS remote_qos_max_ = QoS::exactly_once;
    std::size_t remote_packet_max_ = 268'435'460;
    std::uint16_t keep_alive_s_ = 0;
    std::uint16_t local_keep_alive_s_ = 0;
    // PUBCOMPs that answer a PUBREL of the relay's own: the first ones.
    std::size_t own_pubrels_remote_ = 0;
    std::size_t own_pubrels_local_ = 0;
};

// A short form of a broker's "no": denied, overloaded or invalid_input with its reason in words.
Error connack_refusal(const Connack& packet);

}  // namespace mw::mqtt
