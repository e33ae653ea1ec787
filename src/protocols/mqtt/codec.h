#pragma once
// MQTT 3.1.1 and 5 on the wire: bytes to packets without copies, packets to bytes; no I/O, no
// state. Decoding is strict: what the standards forbid is a Fault with reason code, byte and
// remedy. Limits: 268,435,455 bytes a packet by the standard, less by the caller's; 1,024 user
// properties.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

// What is wrong with a packet. reason is success when nothing is.
struct [[nodiscard]] Fault {
    ReasonCode reason = ReasonCode::success;
    PacketType packet = PacketType::reserved;
    std::uint32_t offset = 0;  // in the packet's body
    std::string_view what;     // static text: what is wrong and what is wanted

    bool ok() const { return reason == ReasonCode::success; }
    std::string describe() const;  // "PUBLISH, byte 4: topic name holds a wildcard; ..."
};

struct Frame {
    PacketType type = PacketType::reserved;
    std::uint8_t flags = 0;  // the lower half of the first byte
    ByteView body;           // variable header and payload
    std::size_t size = 0;    // of the whole packet; 0: more bytes are needed
    bool overlong = false;   // length written with more bytes than needed: MQTT 5 forbids it
};

// Takes the first packet off bytes. frame.size == 0 with an ok fault: incomplete.
Fault next_frame(ByteView bytes, std::size_t max_packet_bytes, Frame& frame);

// Each wants a frame of its type; out is reused, its views point into the frame.
Fault decode(const Frame& frame, Connect& out);
Fault decode(const Frame& frame, Version version, Connack& out);
Fault decode(const Frame& frame, Version version, Publish& out);
Fault decode(const Frame& frame, Version version, Ack& out);
Fault decode(const Frame& frame, Version version, Subscribe& out);
Fault decode(const Frame& frame, Version version, Unsubscribe& out);
Fault decode(const Frame& frame, Version version, Suback& out);
Fault decode(const Frame& frame, Version version, Disconnect& out);  // DISCONNECT and AUTH
Fault decode_empty(const Frame& frame);                              // PINGREQ, PINGRESP
PacketId bare_ack(const Frame& frame);  // of an acknowledgement that is its id alone; else 0

// Each appends one packet to out. What is encoded must be valid (ASSERT): the caller made it.
void encode(Bytes& out, const Connect& packet);
void encode(Bytes& out, Version version, const Connack& packet);
void encode(Bytes& out, Version version, const Publish& packet);
void encode(Bytes& out, Version version, PacketType type, const Ack& packet);
void encode(Bytes& out, Version version, const Subscribe& packet);
void encode(Bytes& out, Version version, const Unsubscribe& packet);
void encode(Bytes& out, Version version, PacketType type, const Suback& packet);
void encode(Bytes& out, Version version, PacketType type, const Disconnect& packet);
void encode_puback(Bytes& out, PacketId id);  // success, both versions: four bytes
void encode_empty(Bytes& out, PacketType type);

// The property section as it stands in a packet, with its length in front.
void encode(Bytes& out, const Properties& properties);

// Where the packet id of a PUBLISH at QoS > 0 stands, from the packet's first byte.
std::size_t packet_id_offset(ByteView publish_packet);

// UTF-8 as MQTT wants it (1.5.4): well-formed, no surrogates, no U+0000.
bool is_mqtt_text(std::string_view text);

}  // namespace mw::mqtt
