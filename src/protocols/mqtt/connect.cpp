// CONNECT and its answer: the part of Connection that opens sessions.
#include <algorithm>

#include "base/log.h"
#include "protocols/mqtt/connection.h"
#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

constexpr std::size_t client_id_bytes_max = 256;

// MQTT 3.1.1 knows only "with the connection" and "for good"; the limit is our "for good".
std::uint32_t expiry_of(const Connect& packet, seconds limit) {
    const auto most = static_cast<std::uint32_t>(limit.count());
    if (packet.version == Version::v3_1_1) return packet.clean_start ? 0 : most;
    return std::min(packet.properties.number(Property::session_expiry, 0), most);
}

// MQTT 3.1.1 names no window. A session that ends with its connection keeps no copy of what is in
// flight, so there its packet ids are limit enough.
std::uint16_t window_of(const Connect& packet, bool persistent, const Limits& limits) {
    if (packet.version == Version::v5)
        return static_cast<std::uint16_t>(
            packet.properties.number(Property::receive_maximum, 65'535));
    return persistent ? limits.inflight_maximum : std::uint16_t{65'535};
}

}  // namespace

Connection::Step Connection::on_connect(const Frame& frame) {
    Connect packet;
    const Fault fault = decode(frame, packet);
    version_ = packet.version;
    bridge_ = packet.bridge;
    if (!fault.ok()) return refuse(fault.reason, fault.describe());
    reason_strings_ = packet.properties.number(Property::request_problem_information, 1) != 0;
    peer_packet_max_ = packet.properties.number(Property::maximum_packet_size, 268'435'460);
    if (const auto to = core_.redirect_of(identity_))
        return refuse(to->reason(), "another server takes its place", to->server);
    if (packet.properties.has(Property::authentication_method))
        return begin_authentication(packet, frame);
    if (const std::string_view method = core_.required_method(identity_); !method.empty())
        return refuse(ReasonCode::not_authorized,
                      std::string("this identity must authenticate by ").append(method));
    return enter(packet);
}

Connection::Step Connection::enter(Connect& packet) {
    std::string why;
    if (const ReasonCode reason = check_connect(packet, why); reason != ReasonCode::success)
        return refuse(reason, why);
    std::string assigned;
    if (packet.client_id.empty()) {
        assigned = core_.make_client_id();
        packet.client_id = assigned;
    }
    if (core_.forget_old_session(*this, packet)) connect_after_ = core_.journal_end();
    if (connect_after_ > core_.journal_durable()) {
        pause();
        return Step::again;
    }
    const std::uint32_t expiry_s = expiry_of(packet, core_.limits().session_expiry);
    bool present = false;
    Session* session = nullptr;
    const ReasonCode opened = core_.open_session(*this, packet, expiry_s, present, session);
    if (opened != ReasonCode::success)
        return refuse(opened, "no more sessions for this client, or in all");
    session_ = session;
    state_ = State::open;
    heard_ = core_.now();
    send_connack(packet, present, expiry_s, assigned);
    if (closing()) return Step::next;
    ++core_.count().connects_accepted;
    core_.latencies().connected(heard_ - opened_);
    log::debug("mqtt.session.opened", {{"client", client()},
                                       {"version", static_cast<int>(version_)},
                                       {"keep_alive_s", keep_alive_s_},
                                       {"resumed", present}});
    session->attach(*this, window_of(packet, expiry_s > 0, core_.limits()));
    schedule();
    return Step::next;
}

ReasonCode Connection::check_connect(const Connect& packet, std::string& why) const {
    if (packet.client_id.size() > client_id_bytes_max) {
        why = "client identifier is longer than 256 bytes";
        return ReasonCode::client_identifier_not_valid;
    }
    // MQTT-3.1.3-8: only a clean session may leave its name to the server.
    if (packet.client_id.empty() && packet.version == Version::v3_1_1 && !packet.clean_start) {
        why = "an empty client identifier wants clean session";
        return ReasonCode::client_identifier_not_valid;
    }
    if (!packet.will) return ReasonCode::success;
    const std::string_view topic = packet.will->topic;
    if (!topic_name_fault(topic, core_.limits().topic_levels).empty()) {
        why = "will topic has more levels than this server allows";
        return ReasonCode::topic_name_invalid;
    }
    if (topic.starts_with('$') || !core_.authorizer().may_publish(identity_, topic)) {
        why.append("may not publish the will topic ").append(topic);
        return ReasonCode::not_authorized;
    }
    return ReasonCode::success;
}

Connection::Step Connection::refuse(ReasonCode reason, std::string_view why,
                                    std::string_view server) {
    ++core_.count().connects_refused;
    log::info("mqtt.connect.refused",
              {{"client", client()}, {"code", to_string(reason)}, {"reason", why}});
    // A malformed CONNECT gets no answer in 3.1.1 (MQTT-3.1.4-1), nor before the version is known.
    const bool answer = version_ == Version::v5 || (reason != ReasonCode::malformed_packet &&
                                                    reason != ReasonCode::protocol_error &&
                                                    reason != ReasonCode::topic_name_invalid);
    if (answer) {
        Connack packet;
        packet.reason = reason;
        // MQTT-3.2.2-19: no words that the client could not take.
        if (!server.empty() && server.size() + 16 <= peer_packet_max_)
            packet.properties.set(Property::server_reference, server);
        if (reason_strings_ && server.size() + why.size() + 16 <= peer_packet_max_)
            packet.properties.set(Property::reason_string, why);
        encode(begin_output(), version_, packet);
        if (core_.output().size() <= peer_packet_max_) end_output();
    }
    finish(why);
    return Step::next;
}

void Connection::send_connack(const Connect& packet, bool present, std::uint32_t expiry_s,
                              std::string_view assigned) {
    const Limits& limits = core_.limits();
    keep_alive_s_ = packet.keep_alive_s;
    Connack answer;
    answer.session_present = present;
    Properties& properties = answer.properties;
    if (packet.properties.number(Property::session_expiry, 0) != expiry_s)
        properties.set(Property::session_expiry, expiry_s);
    properties.set(Property::receive_maximum, limits.receive_maximum);
    properties.set(Property::maximum_packet_size, static_cast<std::uint32_t>(limits.packet_bytes));
    properties.set(Property::topic_alias_maximum, limits.topic_alias_maximum);
    properties.set(Property::shared_available, 1);
    if (!assigned.empty()) properties.set(Property::assigned_client_id, assigned);
    if (authentication_) add_method(properties, authentication_->last_words);
    const auto longest =
        static_cast<std::uint16_t>(std::min<std::int64_t>(limits.keep_alive.count(), 65'535));
    if (version_ == Version::v5 && longest > 0 && (keep_alive_s_ == 0 || keep_alive_s_ > longest)) {
        keep_alive_s_ = longest;
        properties.set(Property::server_keep_alive, longest);
    }
    encode(begin_output(), version_, answer);
    if (core_.output().size() > peer_packet_max_)  // MQTT-3.1.2-24
        return finish("its maximum packet size has no room for CONNACK");
    end_output();
}

}  // namespace mw::mqtt
