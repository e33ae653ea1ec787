#include "base/assert.h"
#include "protocols/mqtt/codec.h"
#include "protocols/mqtt/wire.h"

namespace mw::mqtt {
namespace {

void put_header(Bytes& out, PacketType type, std::uint8_t flags, std::size_t length) {
    ASSERT(length <= max_varint);
    put_u8(out, static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | flags));
    put_varint(out, static_cast<std::uint32_t>(length));
}

std::size_t section_size(Version version, const Properties& properties) {
    if (version != Version::v5) return 0;
    const std::size_t size = encoded_size(properties);
    return varint_size(static_cast<std::uint32_t>(size)) + size;
}

void put_section(Bytes& out, Version version, const Properties& properties) {
    if (version == Version::v5) encode(out, properties);
}

std::uint8_t connect_flags(const Connect& packet) {
    unsigned flags = packet.clean_start ? 2 : 0;
    if (packet.will)
        flags |=
            4u | static_cast<unsigned>(packet.will->qos) << 3 | (packet.will->retain ? 0x20u : 0u);
    if (packet.password) flags |= 0x40;
    if (packet.user_name) flags |= 0x80;
    return static_cast<std::uint8_t>(flags);
}

}  // namespace

void encode(Bytes& out, const Connect& packet) {
    std::size_t length =
        10 + section_size(packet.version, packet.properties) + 2 + packet.client_id.size();
    if (packet.will)
        length += section_size(packet.version, packet.will->properties) + 4 +
                  packet.will->topic.size() + packet.will->payload.size();
    if (packet.user_name) length += 2 + packet.user_name->size();
    if (packet.password) length += 2 + packet.password->size();
    put_header(out, PacketType::connect, 0, length);
    put_text(out, "MQTT");
    put_u8(out, static_cast<std::uint8_t>(packet.bridge ? 0x84 : unsigned(packet.version)));
    put_u8(out, connect_flags(packet));
    put_u16(out, packet.keep_alive_s);
    put_section(out, packet.version, packet.properties);
    put_text(out, packet.client_id);
    if (packet.will) {
        put_section(out, packet.version, packet.will->properties);
        put_text(out, packet.will->topic);
        put_text(out, text_of(packet.will->payload));
    }
    if (packet.user_name) put_text(out, *packet.user_name);
    if (packet.password) put_text(out, text_of(*packet.password));
}

void encode(Bytes& out, Version version, const Connack& packet) {
    put_header(out, PacketType::connack, 0, 2 + section_size(version, packet.properties));
    put_u8(out, packet.session_present ? 1 : 0);
    put_u8(out, version == Version::v5 ? static_cast<std::uint8_t>(packet.reason)
                                       : connack_return_code(packet.reason));
    put_section(out, version, packet.properties);
}

void encode(Bytes& out, Version version, const Publish& packet) {
    const bool has_id = packet.qos != QoS::at_most_once;
    ASSERT(!has_id || packet.id != 0);
    const std::size_t length = 2 + packet.topic.size() + (has_id ? 2 : 0) +
                               section_size(version, packet.properties) + packet.payload.size();
    const unsigned flags =
        (packet.dup ? 8u : 0u) | static_cast<unsigned>(packet.qos) << 1 | (packet.retain ? 1u : 0u);
    put_header(out, PacketType::publish, static_cast<std::uint8_t>(flags), length);
    put_text(out, packet.topic);
    if (has_id) put_u16(out, packet.id);
    put_section(out, version, packet.properties);
    put_raw(out, packet.payload);
}

void encode(Bytes& out, Version version, PacketType type, const Ack& packet) {
    const std::uint8_t flags = type == PacketType::pubrel ? 2 : 0;
    const bool plain = version != Version::v5 ||
                       (packet.reason == ReasonCode::success && packet.properties.empty());
    const bool bare = packet.properties.empty();
    const std::size_t tail = plain ? 0 : bare ? 1 : 1 + section_size(version, packet.properties);
    put_header(out, type, flags, 2 + tail);
    put_u16(out, packet.id);
    if (tail > 0) put_u8(out, static_cast<std::uint8_t>(packet.reason));
    if (tail > 1) put_section(out, version, packet.properties);
}

void encode(Bytes& out, Version version, const Subscribe& packet) {
    std::size_t length = 2 + section_size(version, packet.properties);
    for (const FilterRequest& request : packet.filters) length += 3 + request.filter.size();
    put_header(out, PacketType::subscribe, 2, length);
    put_u16(out, packet.id);
    put_section(out, version, packet.properties);
    for (const FilterRequest& request : packet.filters) {
        const SubscribeOptions& options = request.options;
        unsigned byte = static_cast<unsigned>(options.qos);
        if (version == Version::v5)
            byte |= (options.no_local ? 4u : 0u) | (options.retain_as_published ? 8u : 0u) |
                    static_cast<unsigned>(options.retain_handling) << 4;
        put_text(out, request.filter);
        put_u8(out, static_cast<std::uint8_t>(byte));
    }
}

void encode(Bytes& out, Version version, const Unsubscribe& packet) {
    std::size_t length = 2 + section_size(version, packet.properties);
    for (std::string_view filter : packet.filters) length += 2 + filter.size();
    put_header(out, PacketType::unsubscribe, 2, length);
    put_u16(out, packet.id);
    put_section(out, version, packet.properties);
    for (std::string_view filter : packet.filters) put_text(out, filter);
}

void encode(Bytes& out, Version version, PacketType type, const Suback& packet) {
    const bool reasons = type == PacketType::suback || version == Version::v5;
    const std::size_t length =
        2 + section_size(version, packet.properties) + (reasons ? packet.reasons.size() : 0);
    put_header(out, type, 0, length);
    put_u16(out, packet.id);
    put_section(out, version, packet.properties);
    if (!reasons) return;
    for (ReasonCode reason : packet.reasons) {
        const bool refused = is_failure(reason);  // MQTT 3.1.1 has one code for every refusal
        put_u8(out, version == Version::v3_1_1 && refused ? std::uint8_t{0x80}
                                                          : static_cast<std::uint8_t>(reason));
    }
}

void encode(Bytes& out, Version version, PacketType type, const Disconnect& packet) {
    const bool bare = packet.properties.empty();
    std::size_t length = 0;
    if (version == Version::v5 && !(bare && packet.reason == ReasonCode::success))
        length = bare ? 1 : 1 + section_size(version, packet.properties);
    put_header(out, type, 0, length);
    if (length > 0) put_u8(out, static_cast<std::uint8_t>(packet.reason));
    if (length > 1) put_section(out, version, packet.properties);
}

void encode_puback(Bytes& out, PacketId id) {
    const std::uint8_t bytes[]{0x40, 2, static_cast<std::uint8_t>(id >> 8),
                               static_cast<std::uint8_t>(id)};
    out.insert(out.end(), bytes, bytes + 4);
}

void encode_empty(Bytes& out, PacketType type) { put_header(out, type, 0, 0); }

std::size_t packet_id_offset(ByteView publish_packet) {
    std::size_t at = 1;
    while ((publish_packet[at] & 128) != 0) ++at;
    ++at;
    const std::size_t topic = std::size_t{publish_packet[at]} << 8 | publish_packet[at + 1];
    return at + 2 + topic;
}

}  // namespace mw::mqtt
