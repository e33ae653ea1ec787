#include <string>

#include "protocols/mqtt/codec.h"
#include "protocols/mqtt/topics.h"
#include "protocols/mqtt/wire.h"

namespace mw::mqtt {
namespace {

Fault frame_fault(PacketType type, ReasonCode reason, std::uint32_t offset, std::string_view what) {
    return {.reason = reason, .packet = type, .offset = offset, .what = what};
}

std::uint8_t wanted_flags(PacketType type) {
    const bool two = type == PacketType::pubrel || type == PacketType::subscribe ||
                     type == PacketType::unsubscribe;
    return two ? 2 : 0;
}

PacketId read_packet_id(Reader& reader) {
    const PacketId id = reader.u16("packet identifier is missing");
    if (reader.ok() && id == 0)
        reader.fail(ReasonCode::protocol_error, "packet identifier 0 is not allowed");
    return id;
}

ReasonCode read_reason(Reader& reader, PacketType type, Version version) {
    const std::uint8_t code = reader.u8("reason code is missing");
    if (reader.ok() && !reason_allowed(type, version, code))
        reader.fail(ReasonCode::protocol_error, "this reason code does not belong in this packet");
    return static_cast<ReasonCode>(code);
}

// What may end early in MQTT 5: reason code and properties of acknowledgements and DISCONNECT.
void read_short_tail(Reader& reader, PacketType type, Version version, ReasonCode& reason,
                     Properties& properties) {
    reason = ReasonCode::success;
    properties.clear();
    if (version != Version::v5 || reader.left() == 0) return;
    reason = read_reason(reader, type, version);
    if (reader.left() > 0) read_properties(reader, type, properties);
}

void read_protocol(Reader& reader, Connect& out) {
    out.bridge = false;
    out.version = Version::v3_1_1;  // the form to answer in while the level is not known
    const std::string_view name = reader.text("protocol name is missing");
    const std::uint8_t level = reader.u8("protocol level is missing");
    if (!reader.ok()) return;
    out.bridge = name == "MQTT" && level == 0x84;
    if (out.bridge) return;
    if (level > 4) out.version = Version::v5;
    if (name == "MQTT" && (level == 4 || level == 5)) return;
    const bool other_mqtt = name == "MQTT" || name == "MQIsdp";
    reader.fail(
        other_mqtt ? ReasonCode::unsupported_protocol_version : ReasonCode::malformed_packet,
        other_mqtt ? "want MQTT 3.1.1 (level 4) or MQTT 5 (level 5)" : "protocol name is not MQTT");
}

void check_connect_flags(Reader& reader, std::uint8_t flags, Version version) {
    const bool will = (flags & 4) != 0;
    if ((flags & 1) != 0)
        reader.fail(ReasonCode::malformed_packet, "reserved connect flag is set; want 0");
    else if (((flags >> 3) & 3) == 3)
        reader.fail(ReasonCode::malformed_packet, "will QoS is 3; want 0, 1 or 2");
    else if (!will && (flags & 0x38) != 0)
        reader.fail(ReasonCode::malformed_packet, "will QoS or will retain without a will");
    else if (version == Version::v3_1_1 && (flags & 0xC0) == 0x40)
        reader.fail(ReasonCode::malformed_packet, "password without a user name (MQTT-3.1.2-22)");
}

void read_will(Reader& reader, std::uint8_t flags, Version version, std::optional<WillView>& out) {
    out.reset();
    if ((flags & 4) == 0) return;
    WillView& will = out.emplace();
    will.qos = static_cast<QoS>((flags >> 3) & 3);
    will.retain = (flags & 0x20) != 0;
    if (version == Version::v5) read_properties(reader, PacketType::reserved, will.properties);
    will.topic = reader.text("will topic is cut off");
    if (reader.ok() && !topic_name_fault(will.topic, max_topic_bytes).empty())
        reader.fail(ReasonCode::topic_name_invalid, "will topic is empty or holds a wildcard");
    will.payload = reader.binary("will payload is cut off");
}

// What comes before the filters of SUBSCRIBE and UNSUBSCRIBE; there must be one.
template <class Packet>
void read_filter_list(Reader& reader, const Frame& frame, Version version, Packet& out,
                      std::string_view without) {
    out.id = read_packet_id(reader);
    out.properties.clear();
    out.filters.clear();
    if (version == Version::v5 && reader.ok()) read_properties(reader, frame.type, out.properties);
    if (reader.ok() && reader.left() == 0) reader.fail(ReasonCode::protocol_error, without);
}

std::string_view read_filter(Reader& reader) {
    const std::string_view filter = reader.text("topic filter is cut off");
    if (reader.ok() && filter.empty())
        reader.fail(ReasonCode::protocol_error, "topic filter is empty");
    return filter;
}

}  // namespace

std::string_view to_string(PacketType type) {
    static constexpr std::string_view names[]{
        "packet type 0", "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
        "PUBREL",        "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
        "PINGREQ",       "PINGRESP", "DISCONNECT", "AUTH"};
    return names[static_cast<std::size_t>(type) & 15];
}

std::string Fault::describe() const {
    std::string text(to_string(packet));
    return text.append(", byte ").append(std::to_string(offset)).append(": ").append(what);
}

Fault next_frame(ByteView bytes, std::size_t max_packet_bytes, Frame& frame) {
    frame.size = 0;
    if (bytes.empty()) return {};
    const auto type = static_cast<PacketType>(bytes[0] >> 4);
    frame.type = type;
    frame.flags = bytes[0] & 15;
    if (type == PacketType::reserved)
        return frame_fault(type, ReasonCode::malformed_packet, 0, "packet type 0 is reserved");
    if (type != PacketType::publish && frame.flags != wanted_flags(type))
        return frame_fault(type, ReasonCode::malformed_packet, 0, "reserved header flags are set");
    std::size_t length = 0;
    for (std::size_t i = 1; i < 5; ++i) {
        if (i >= bytes.size()) return {};
        length |= std::size_t{bytes[i] & 127u} << (7 * (i - 1));
        if ((bytes[i] & 128) != 0) continue;
        const std::size_t size = i + 1 + length;
        if (size > max_packet_bytes)
            return frame_fault(type, ReasonCode::packet_too_large, 1,
                               "packet is larger than the receiver takes");
        if (bytes.size() < size) return {};
        frame.overlong = i > 1 && bytes[i] == 0;
        frame.body = bytes.subspan(i + 1, length);
        frame.size = size;
        return {};
    }
    return frame_fault(type, ReasonCode::malformed_packet, 1,
                       "remaining length has more than four bytes");
}

Fault decode(const Frame& frame, Connect& out) {
    Reader reader(frame.type, frame.body);
    read_protocol(reader, out);
    const std::uint8_t flags = reader.u8("connect flags are missing");
    check_connect_flags(reader, flags, out.version);
    out.clean_start = (flags & 2) != 0;
    out.keep_alive_s = reader.u16("keep alive is missing");
    out.properties.clear();
    if (out.version == Version::v5 && reader.ok()) {
        read_properties(reader, PacketType::connect, out.properties);
        if (out.properties.has(Property::authentication_data) &&
            !out.properties.has(Property::authentication_method))
            reader.fail(ReasonCode::protocol_error, "authentication data without a method");
    }
    out.client_id = reader.text("client identifier is cut off");
    read_will(reader, flags, out.version, out.will);
    out.user_name.reset();
    out.password.reset();
    if ((flags & 0x80) != 0) out.user_name = reader.text("user name is cut off");
    if ((flags & 0x40) != 0) out.password = reader.binary("password is cut off");
    return reader.finish();
}

Fault decode(const Frame& frame, Version version, Connack& out) {
    Reader reader(frame.type, frame.body);
    const std::uint8_t flags = reader.u8("connect acknowledge flags are missing");
    if (flags > 1)
        reader.fail(ReasonCode::malformed_packet, "reserved acknowledge flags are set; want 0");
    out.session_present = flags == 1;
    out.properties.clear();
    if (version == Version::v5) {
        out.reason = read_reason(reader, frame.type, version);
        if (reader.ok()) read_properties(reader, frame.type, out.properties);
    } else {
        const std::uint8_t code = reader.u8("return code is missing");
        if (code > 5) reader.fail(ReasonCode::malformed_packet, "return code is above 5");
        out.reason = reason_of_return_code(code);
    }
    if (out.session_present && out.reason != ReasonCode::success)
        reader.fail(ReasonCode::protocol_error, "session present in a refusal");
    return reader.finish();
}

Fault decode(const Frame& frame, Version version, Publish& out) {
    Reader reader(frame.type, frame.body);
    out.dup = (frame.flags & 8) != 0;
    out.retain = (frame.flags & 1) != 0;
    out.qos = static_cast<QoS>((frame.flags >> 1) & 3);
    if ((frame.flags & 6) == 6) reader.fail(ReasonCode::malformed_packet, "QoS 3 does not exist");
    if (out.qos == QoS::at_most_once && out.dup)
        reader.fail(ReasonCode::malformed_packet, "DUP is set at QoS 0 (MQTT-3.3.1-2)");
    out.topic = reader.text("topic name is cut off");
    if (reader.ok() && has_wildcard(out.topic))
        reader.fail(ReasonCode::topic_name_invalid,
                    "topic name holds a wildcard; want a name without + and #");
    if (reader.ok() && out.topic.empty() && version == Version::v3_1_1)
        reader.fail(ReasonCode::topic_name_invalid, "topic name is empty");
    out.id = out.qos == QoS::at_most_once ? PacketId{0} : read_packet_id(reader);
    if (version == Version::v5 && reader.ok()) {
        read_properties(reader, frame.type, out.properties);
        if (out.topic.empty() && !out.properties.has(Property::topic_alias))
            reader.fail(ReasonCode::protocol_error, "topic name is empty and there is no alias");
    } else {
        out.properties.clear();
    }
    out.payload = reader.rest();
    return reader.finish();
}

PacketId bare_ack(const Frame& frame) {
    if (frame.body.size() != 2) return 0;
    return static_cast<PacketId>(frame.body[0] << 8 | frame.body[1]);
}

Fault decode(const Frame& frame, Version version, Ack& out) {
    Reader reader(frame.type, frame.body);
    out.id = read_packet_id(reader);
    read_short_tail(reader, frame.type, version, out.reason, out.properties);
    return reader.finish();
}

Fault decode(const Frame& frame, Version version, Subscribe& out) {
    Reader reader(frame.type, frame.body);
    read_filter_list(reader, frame, version, out, "SUBSCRIBE without a topic filter");
    while (reader.ok() && reader.left() > 0) {
        FilterRequest request;
        request.filter = read_filter(reader);
        const std::uint8_t options = reader.u8("subscription options are missing");
        const std::uint8_t reserved = version == Version::v5 ? 0xC0 : 0xFC;
        if ((options & 3) == 3)
            reader.fail(ReasonCode::protocol_error, "QoS 3 does not exist");
        else if ((options & reserved) != 0)
            reader.fail(ReasonCode::malformed_packet, "reserved subscription options are set");
        else if ((options & 0x30) == 0x30)
            reader.fail(ReasonCode::protocol_error, "retain handling is 3; want 0, 1 or 2");
        request.options = {.qos = static_cast<QoS>(options & 3),
                           .no_local = (options & 4) != 0,
                           .retain_as_published = (options & 8) != 0,
                           .retain_handling = static_cast<RetainHandling>((options >> 4) & 3)};
        if (request.options.no_local && is_shared_filter(request.filter))
            reader.fail(ReasonCode::protocol_error, "no local on a shared subscription");
        out.filters.push_back(request);
    }
    return reader.finish();
}

Fault decode(const Frame& frame, Version version, Unsubscribe& out) {
    Reader reader(frame.type, frame.body);
    read_filter_list(reader, frame, version, out, "UNSUBSCRIBE without a topic filter");
    while (reader.ok() && reader.left() > 0) out.filters.push_back(read_filter(reader));
    return reader.finish();
}

Fault decode(const Frame& frame, Version version, Suback& out) {
    Reader reader(frame.type, frame.body);
    out.id = read_packet_id(reader);
    out.properties.clear();
    out.reasons.clear();
    if (version == Version::v5 && reader.ok()) read_properties(reader, frame.type, out.properties);
    if (frame.type == PacketType::unsuback && version == Version::v3_1_1) return reader.finish();
    if (reader.ok() && reader.left() == 0)
        reader.fail(ReasonCode::protocol_error, "there is no reason code");
    while (reader.ok() && reader.left() > 0)
        out.reasons.push_back(read_reason(reader, frame.type, version));
    return reader.finish();
}

Fault decode(const Frame& frame, Version version, Disconnect& out) {
    Reader reader(frame.type, frame.body);
    if (frame.type == PacketType::auth && version != Version::v5)
        reader.fail(ReasonCode::protocol_error, "AUTH exists only in MQTT 5");
    read_short_tail(reader, frame.type, version, out.reason, out.properties);
    return reader.finish();
}

Fault decode_empty(const Frame& frame) { return Reader(frame.type, frame.body).finish(); }

bool reason_allowed(PacketType type, Version version, std::uint8_t code) {
    auto one_of = [code](std::string_view codes) {
        return codes.find(static_cast<char>(code)) != std::string_view::npos;
    };
    using namespace std::string_view_literals;  // the literals hold zeros
    switch (type) {
        case PacketType::connack:
            return one_of(
                "\x00\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8A\x8C\x90\x95\x97\x99\x9A\x9B\x9C"
                "\x9D\x9F"sv);
        case PacketType::puback:
        case PacketType::pubrec:
            return one_of("\x00\x10\x80\x83\x87\x90\x91\x97\x99"sv);
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return one_of("\x00\x92"sv);
        case PacketType::suback:
            return one_of(version == Version::v5
                              ? "\x00\x01\x02\x80\x83\x87\x8F\x91\x97\x9E\xA1\xA2"sv
                              : "\x00\x01\x02\x80"sv);
        case PacketType::unsuback:
            return one_of("\x00\x11\x80\x83\x87\x8F\x91"sv);
        case PacketType::disconnect:
            return one_of(
                "\x00\x04\x80\x81\x82\x83\x87\x89\x8B\x8D\x8E\x8F\x90\x93\x94\x95\x96\x97\x98\x99"
                "\x9A\x9B\x9C\x9D\x9E\x9F\xA0\xA1\xA2"sv);
        case PacketType::auth:
            return one_of("\x00\x18\x19"sv);
        default:
            return false;
    }
}

}  // namespace mw::mqtt
