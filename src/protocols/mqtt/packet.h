#pragma once
// The MQTT control packets as plain structs. Every text and payload is a view into the bytes that
// were decoded (or that the caller wants encoded) and lives as long as those.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "protocols/mqtt/properties.h"
#include "protocols/mqtt/reason.h"

namespace mw::mqtt {

enum class Version : std::uint8_t { v3_1_1 = 4, v5 = 5 };
enum class QoS : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };
using PacketId = std::uint16_t;

enum class PacketType : std::uint8_t {
    reserved = 0,
    connect = 1,
    connack = 2,
    publish = 3,
    puback = 4,
    pubrec = 5,
    pubrel = 6,
    pubcomp = 7,
    subscribe = 8,
    suback = 9,
    unsubscribe = 10,
    unsuback = 11,
    pingreq = 12,
    pingresp = 13,
    disconnect = 14,
    auth = 15,
};
std::string_view to_string(PacketType type);  // "PUBLISH"

struct WillView {
    std::string_view topic;
    ByteView payload;
    QoS qos = QoS::at_most_once;
    bool retain = false;
    Properties properties;
};

struct Connect {
    Version version = Version::v5;
    bool bridge = false;  // 3.1.1: says that it is one, as mosquitto does, by a bit of the level
    bool clean_start = true;
    std::uint16_t keep_alive_s = 0;
    std::string_view client_id;
    std::optional<WillView> will;
    std::optional<std::string_view> user_name;
    std::optional<ByteView> password;
    Properties properties;
};

struct Connack {
    bool session_present = false;
    ReasonCode reason = ReasonCode::success;
    Properties properties;
};

struct Publish {
    bool dup = false;
    QoS qos = QoS::at_most_once;
    bool retain = false;
    PacketId id = 0;  // 0 at QoS 0
    std::string_view topic;
    ByteView payload;
    Properties properties;
};

struct Ack {  // PUBACK, PUBREC, PUBREL, PUBCOMP
    PacketId id = 0;
    ReasonCode reason = ReasonCode::success;
    Properties properties;
};

enum class RetainHandling : std::uint8_t { send = 0, send_if_new = 1, never = 2 };

struct SubscribeOptions {
    QoS qos = QoS::at_most_once;
    bool no_local = false;
    bool retain_as_published = false;
    RetainHandling retain_handling = RetainHandling::send;
};

struct FilterRequest {
    std::string_view filter;
    SubscribeOptions options;
};

struct Subscribe {
    PacketId id = 0;
    std::vector<FilterRequest> filters;
    Properties properties;
};

struct Unsubscribe {
    PacketId id = 0;
    std::vector<std::string_view> filters;
    Properties properties;
};

struct Suback {  // UNSUBACK as well
    PacketId id = 0;
    std::vector<ReasonCode> reasons;
    Properties properties;
};

struct Disconnect {  // AUTH as well
    ReasonCode reason = ReasonCode::success;
    Properties properties;
};
using Auth = Disconnect;

}  // namespace mw::mqtt
