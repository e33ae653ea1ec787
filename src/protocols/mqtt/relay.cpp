#include "protocols/mqtt/relay.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace mw::mqtt {
namespace {

// Requests share the space of packet identifiers with publishes, which begin at 1.
constexpr PacketId request_id = 65'535;
// MQTT 3.1.1 knows neither a largest packet nor a window.
constexpr std::size_t packet_bytes_3_1_1 = std::size_t{16} << 20;
constexpr std::uint16_t window_3_1_1 = 100;
constexpr std::size_t least_packet_bytes = 256;  // of what the local broker may send at all
constexpr std::size_t user_properties_max = 1'000;
constexpr std::uint32_t last_id = 65'535;

// The property that the relay adds, and the lengths that grow with it.
std::size_t passed_bytes(const std::string& broker_id) {
    return broker_id.empty() ? 0 : 5 + passed_property.size() + broker_id.size() + 8;
}

Error broken_protocol(std::string_view whose, const Fault& fault) {
    return {Errc::io_failed, std::string(whose) + " broke the protocol: " + fault.describe()};
}

Ack ack_of(PacketId id) {
    Ack ack;
    ack.id = id;
    return ack;
}

}  // namespace

Error connack_refusal(const Connack& packet) {
    std::string words = "the remote broker refuses: ";
    words.append(to_string(packet.reason));
    const std::string_view reason = packet.properties.text(Property::reason_string);
    if (!reason.empty()) words.append(" (").append(reason).append(")");
    switch (packet.reason) {
        case ReasonCode::not_authorized:
        case ReasonCode::banned:
        case ReasonCode::bad_user_name_or_password:
        case ReasonCode::bad_authentication_method:
            words.append("; give the bridge a user or certificate that it lets in");
            return {Errc::denied, words};
        case ReasonCode::server_unavailable:
        case ReasonCode::server_busy:
        case ReasonCode::quota_exceeded:
        case ReasonCode::connection_rate_exceeded:
            return {Errc::overloaded, words};
        default:
            return {Errc::invalid_input, words};
    }
}

Relay::Relay(const BridgeMap& map, RelayOptions options, BridgeCounters& counters,
             Unreleased unreleased)
    : map_(map),
      options_(std::move(options)),
      counters_(counters),
      unreleased_(std::move(unreleased)),
      keep_alive_s_(options_.keep_alive_s) {}

std::size_t Relay::packet_max_from_remote() const {
    if (options_.version == Version::v3_1_1)
        return std::max(packet_bytes_3_1_1, options_.packet_bytes);
    return options_.packet_bytes - std::min(options_.packet_bytes / 2, map_.growth_in() + 8);
}

void Relay::begin() {
    Connect connect;
    connect.version = options_.version;
    connect.bridge = options_.version == Version::v3_1_1 && options_.bridge_bit;
    connect.clean_start = false;
    connect.keep_alive_s = options_.keep_alive_s;
    connect.client_id = options_.client_id;
    if (options_.user_name) connect.user_name = *options_.user_name;
    if (options_.password) connect.password = bytes_of(*options_.password);
    connect.properties.set(Property::session_expiry, options_.session_expiry_s);
    connect.properties.set(Property::receive_maximum, options_.receive_maximum);
    connect.properties.set(Property::maximum_packet_size,
                           static_cast<std::uint32_t>(packet_max_from_remote()));
    encode(to_remote_, connect);
}

Result<> Relay::from_remote(ByteView bytes) {
    if (partial_.empty()) {
        TRY(const std::size_t used, parse(bytes));
        partial_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(used), bytes.end());
        return {};
    }
    partial_.insert(partial_.end(), bytes.begin(), bytes.end());
    TRY(const std::size_t used, parse(partial_));
    partial_.erase(partial_.begin(), partial_.begin() + static_cast<std::ptrdiff_t>(used));
    if (partial_.empty()) partial_ = {};
    return {};
}

Result<std::size_t> Relay::parse(ByteView bytes) {
    std::size_t at = 0;
    Frame frame;
    while (!waits_for_local()) {
        const Fault fault = next_frame(bytes.subspan(at), packet_max_from_remote(), frame);
        if (!fault.ok()) return broken_protocol("the remote broker", fault);
        if (frame.size == 0) break;
        TRY_VOID(dispatch_remote(frame));
        at += frame.size;
    }
    return at;
}

Result<> Relay::dispatch_remote(const Frame& frame) {
    const Fault unexpected{ReasonCode::protocol_error, frame.type, 0,
                           "a server does not send this packet here"};
    if ((phase_ == Phase::remote_connects) != (frame.type == PacketType::connack))
        return broken_protocol("the remote broker", unexpected);
    switch (frame.type) {
        case PacketType::connack:
            return on_remote_connack(frame);
        case PacketType::publish:
            return carry(frame, Side::remote);
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return pass_ack(frame, Side::remote);
        case PacketType::suback:
            return on_suback(frame, Side::remote);
        case PacketType::pingresp:
            return {};
        case PacketType::disconnect:
            return on_disconnect(frame, Side::remote);
        default:
            return broken_protocol("the remote broker", unexpected);
    }
}

Result<> Relay::from_local(ByteView packets) {
    Frame frame;
    while (!packets.empty()) {
        const Fault fault = next_frame(packets, packets.size(), frame);
        ASSERT(fault.ok() && frame.size > 0);  // the broker writes whole packets
        TRY_VOID(dispatch_local(frame));
        packets = packets.subspan(frame.size);
    }
    return {};
}

Result<> Relay::dispatch_local(const Frame& frame) {
    switch (frame.type) {
        case PacketType::connack:
            return on_local_connack(frame);
        case PacketType::publish:
            return carry(frame, Side::local);
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return pass_ack(frame, Side::local);
        case PacketType::suback:
            return on_suback(frame, Side::local);
        case PacketType::disconnect:
            return on_disconnect(frame, Side::local);
        default:
            return {};  // UNSUBACK, PINGRESP
    }
}

Result<> Relay::on_remote_connack(const Frame& frame) {
    Connack packet;
    if (const Fault fault = decode(frame, options_.version, packet); !fault.ok())
        return broken_protocol("the remote broker", fault);
    if (packet.reason != ReasonCode::success) {
        refused_ = true;
        version_refused_ = packet.reason == ReasonCode::unsupported_protocol_version;
        return connack_refusal(packet);
    }
    const Properties& said = packet.properties;
    remote_present_ = packet.session_present;
    retain_available_ = said.number(Property::retain_available, 1) != 0;
    remote_qos_max_ = static_cast<QoS>(said.number(Property::maximum_qos, 2));
    remote_packet_max_ = said.number(Property::maximum_packet_size, 268'435'460);
    keep_alive_s_ =
        static_cast<std::uint16_t>(said.number(Property::server_keep_alive, keep_alive_s_));
    connect_local(packet);
    phase_ = Phase::local_connects;
    return {};
}

// Ours may send what the remote broker takes, less what a packet grows by on its way.
void Relay::connect_local(const Connack& remote) {
    const bool v5 = options_.version == Version::v5;
    const std::size_t growth = map_.growth_out() + 8 + passed_bytes(options_.broker_id);
    const std::size_t most =
        remote_packet_max_ > growth ? remote_packet_max_ - growth : std::size_t{0};
    Connect connect;
    connect.clean_start = false;
    connect.client_id = options_.client_id;
    connect.properties.set(Property::session_expiry, std::uint32_t{0xFFFF'FFFF});
    connect.properties.set(Property::receive_maximum,
                           v5 ? remote.properties.number(Property::receive_maximum, 65'535)
                              : std::uint32_t{window_3_1_1});
    connect.properties.set(Property::maximum_packet_size,
                           static_cast<std::uint32_t>(std::max(most, least_packet_bytes)));
    encode(to_local_, connect);
}

Result<> Relay::on_local_connack(const Frame& frame) {
    Connack packet;
    const Fault fault = decode(frame, Version::v5, packet);
    ASSERT(fault.ok());
    if (packet.reason != ReasonCode::success) {
        std::string words = "our own broker refuses the bridge: ";
        words.append(to_string(packet.reason)).append(", ");
        return Error{Errc::overloaded,
                     words.append(packet.properties.text(Property::reason_string))};
    }
    local_keep_alive_s_ =
        static_cast<std::uint16_t>(packet.properties.number(Property::server_keep_alive, 0));
    open(packet.session_present);
    return {};
}

Result<> Relay::on_disconnect(const Frame& frame, Side from) {
    Disconnect packet;
    const Fault fault = decode(frame, version_of(from), packet);
    if (!fault.ok()) return broken_protocol("the remote broker", fault);
    std::string words = from == Side::remote ? "the remote broker ends the connection: "
                                             : "our own broker ends the bridge's session: ";
    words.append(to_string(packet.reason));
    const std::string_view reason = packet.properties.text(Property::reason_string);
    if (!reason.empty()) words.append(" (").append(reason).append(")");
    return Error{Errc::io_failed, words};
}

// Where one side has forgotten the exchanges and the other has not, an identifier that the other
// still holds at QoS 2 would swallow the next message that has it: it is released first.
void Relay::open(bool local_present) {
    local_new_ = !local_present || options_.local_is_new;
    if (local_new_ && remote_present_ && map_.sends_exactly_once()) release_all_remote();
    if (!remote_present_ && unreleased_) {
        for (const PacketId id : unreleased_()) {
            encode(to_local_, Version::v5, PacketType::pubrel, ack_of(id));
            ++own_pubrels_local_;
        }
    }
    subscribe_remote();
    subscribe_local();
    phase_ = Phase::open;
}

// Which ones the remote broker holds nobody knows here, so all: 256 KiB, once.
void Relay::release_all_remote() {
    for (std::uint32_t id = 1; id <= last_id; ++id)
        encode(to_remote_, options_.version, PacketType::pubrel, ack_of(static_cast<PacketId>(id)));
    own_pubrels_remote_ = last_id;
}

// Retained messages come when either side has forgotten what it had.
void Relay::subscribe_remote() {
    Subscribe packet;
    packet.id = request_id;
    for (const BridgeMap::Row& row : map_.rows())
        if (row.topic.comes_in())
            packet.filters.push_back(
                {row.remote_filter,
                 {.qos = row.topic.qos,
                  .no_local = true,
                  .retain_as_published = true,
                  .retain_handling =
                      local_new_ ? RetainHandling::send : RetainHandling::send_if_new}});
    if (!packet.filters.empty()) encode(to_remote_, options_.version, packet);
}

void Relay::subscribe_local() {
    Subscribe packet;
    packet.id = request_id;
    for (const BridgeMap::Row& row : map_.rows())
        if (row.topic.goes_out())
            packet.filters.push_back(
                {row.local_filter,
                 {.qos = std::min(row.topic.qos, remote_qos_max_),
                  .no_local = true,
                  .retain_as_published = true,
                  .retain_handling =
                      remote_present_ ? RetainHandling::send_if_new : RetainHandling::send}});
    if (!packet.filters.empty()) encode(to_local_, Version::v5, packet);
}

Result<> Relay::on_suback(const Frame& frame, Side from) {
    Suback packet;
    if (const Fault fault = decode(frame, version_of(from), packet); !fault.ok())
        return broken_protocol("the remote broker", fault);
    std::size_t at = 0;
    for (const BridgeMap::Row& row : map_.rows()) {
        if (from == Side::remote ? !row.topic.comes_in() : !row.topic.goes_out()) continue;
        if (at == packet.reasons.size()) break;
        const ReasonCode reason = packet.reasons[at++];
        if (!is_failure(reason)) continue;
        ++counters_.filters_refused;
        log::warn("mqtt.bridge.filter_refused",
                  {{"client", options_.client_id},
                   {"by", from == Side::remote ? "the remote broker" : "our own broker"},
                   {"filter", from == Side::remote ? row.remote_filter : row.local_filter},
                   {"reason", to_string(reason)},
                   {"remedy", "let the bridge's user subscribe it there, or take the topic out"}});
    }
    return {};
}

// PUBACK, PUBREC, PUBREL and PUBCOMP, without properties, which are for people.
Result<> Relay::pass_ack(const Frame& frame, Side from) {
    Ack packet;
    if (const Fault fault = decode(frame, version_of(from), packet); !fault.ok())
        return broken_protocol("the remote broker", fault);
    if (frame.type == PacketType::pubcomp) {
        std::size_t& own = from == Side::remote ? own_pubrels_remote_ : own_pubrels_local_;
        if (own > 0) return --own, Result<>{};
    }
    if (is_failure(packet.reason) &&
        (frame.type == PacketType::puback || frame.type == PacketType::pubrec)) {
        ++(from == Side::remote ? counters_.refused : counters_.refused_in);
        if (!std::exchange(refusal_logged_, true))
            log::warn("mqtt.bridge.message_refused",
                      {{"client", options_.client_id},
                       {"by", from == Side::remote ? "the remote broker" : "our own broker"},
                       {"reason", to_string(packet.reason)},
                       {"more", "counted in millwright_mqtt_bridge_dropped_total"}});
    }
    packet.properties.clear();
    const Side to = from == Side::remote ? Side::local : Side::remote;
    encode(out_to(to), version_of(to), frame.type, packet);
    return {};
}

Result<> Relay::carry(const Frame& frame, Side from) {
    if (const Fault fault = decode(frame, version_of(from), packet_); !fault.ok())
        return broken_protocol("the remote broker", fault);
    Properties& properties = packet_.properties;
    if (properties.has(Property::topic_alias))
        return broken_protocol("the remote broker", {ReasonCode::topic_alias_invalid, frame.type, 0,
                                                     "no topic alias was allowed"});
    const bool inward = from == Side::remote;
    const bool known =
        inward ? map_.to_local(packet_.topic, topic_) : map_.to_remote(packet_.topic, topic_);
    if (!known)
        return drop(from, counters_.unmapped, "no topic of the bridge carries it that way"),
               Result<>{};
    if (has_looped())
        return drop(from, counters_.looped, "it was here before, or passed too many brokers"),
               Result<>{};
    if (!properties.subscription_ids().empty()) properties.remove(Property::subscription_id);
    if (!inward && !options_.broker_id.empty() && options_.version == Version::v5)
        properties.add_user(passed_property, options_.broker_id);
    if (!inward && !retain_available_) packet_.retain = false;
    packet_.topic = topic_;
    const Side to = inward ? Side::local : Side::remote;
    Bytes& out = out_to(to);
    const std::size_t before = out.size();
    encode(out, version_of(to), packet_);
    const std::size_t most = inward ? options_.packet_bytes : remote_packet_max_;
    if (out.size() - before > most || properties.user().size() > user_properties_max) {
        out.resize(before);
        return drop(from, counters_.oversized, "it is larger than the other side takes"),
               Result<>{};
    }
    ++(inward ? counters_.received : counters_.sent);
    return {};
}

// Either way: by a bridge of somebody else it comes back as any client's message.
bool Relay::has_looped() const {
    if (options_.broker_id.empty()) return false;
    std::size_t hops = 0;
    for (const UserProperty& user : packet_.properties.user()) {
        if (user.name != passed_property) continue;
        if (user.value == options_.broker_id || ++hops >= options_.hops_max) return true;
    }
    return false;
}

// Nobody else will acknowledge it. The PUBREL that follows at QoS 2 goes to the other side, which
// knows no such identifier and completes the exchange all the same (MQTT 5 4.3.3).
void Relay::drop(Side from, std::uint64_t& counter, std::string_view why) {
    ++counter;
    if (!std::exchange(drop_logged_, true))
        log::info("mqtt.bridge.message_dropped",
                  {{"client", options_.client_id},
                   {"from", from == Side::remote ? "the remote broker" : "our own broker"},
                   {"topic", packet_.topic},
                   {"reason", why},
                   {"more", "counted in millwright_mqtt_bridge_dropped_total"}});
    if (packet_.qos == QoS::at_most_once) return;
    const PacketType type =
        packet_.qos == QoS::exactly_once ? PacketType::pubrec : PacketType::puback;
    encode(out_to(from), version_of(from), type, ack_of(packet_.id));
}

}  // namespace mw::mqtt
