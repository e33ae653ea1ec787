#include "protocols/mqtt/parcel.h"

#include "protocols/mqtt/wire.h"

namespace mw::mqtt {
namespace {

constexpr unsigned qos_bits = 3;
constexpr unsigned subscribers_bit = 4, uplink_bit = 8, retain_bit = 16, hub_bit = 32, dup_bit = 64;

void put_long(Bytes& out, ByteView bytes) {
    put_u32(out, static_cast<std::uint32_t>(bytes.size()));
    put_raw(out, bytes);
}

std::uint8_t bits_of(const Passed& message) {
    return static_cast<std::uint8_t>(
        static_cast<unsigned>(message.qos) | (message.to_subscribers ? subscribers_bit : 0u) |
        (message.to_uplink ? uplink_bit : 0u) | (message.retain ? retain_bit : 0u) |
        (message.by_hub ? hub_bit : 0u) | (message.dup ? dup_bit : 0u));
}

}  // namespace

void encode(Bytes& out, const Passed& message) {
    put_u8(out, bits_of(message));
    put_u32(out, message.publisher);
    put_long(out, bytes_of(message.topic));
    put_long(out, message.payload);
    put_long(out, message.properties);
    if (message.to_uplink) {
        put_u32(out, static_cast<std::uint32_t>(message.number >> 32));
        put_u32(out, static_cast<std::uint32_t>(message.number));
        put_u8(out, static_cast<std::uint8_t>(message.from_kind));
        put_long(out, bytes_of(message.from));
        return;
    }
    put_u32(out, static_cast<std::uint32_t>(message.groups.size()));
    for (const std::string_view group : message.groups) put_long(out, bytes_of(group));
}

void take(ByteView& left, Passed& out) {
    Reader reader(PacketType::publish, left);
    const auto long_block = [&] { return reader.take(reader.u32("size"), "block"); };
    const std::uint8_t bits = reader.u8("bits");
    out.qos = static_cast<QoS>(bits & qos_bits);
    out.to_subscribers = (bits & subscribers_bit) != 0;
    out.to_uplink = (bits & uplink_bit) != 0;
    out.retain = (bits & retain_bit) != 0;
    out.by_hub = (bits & hub_bit) != 0;
    out.dup = (bits & dup_bit) != 0;
    out.publisher = reader.u32("publisher");
    out.topic = text_of(long_block());
    out.payload = long_block();
    out.properties = long_block();
    out.groups.clear();
    if (out.to_uplink) {
        out.number = std::uint64_t{reader.u32("number")} << 32;
        out.number |= reader.u32("number");
        out.from_kind = static_cast<Identity::Kind>(reader.u8("kind"));
        out.from = text_of(long_block());
    } else {
        for (std::uint32_t n = reader.u32("groups"); n > 0; --n)
            out.groups.push_back(text_of(long_block()));
    }
    ASSERT(reader.ok());
    left = left.last(reader.left());
}

}  // namespace mw::mqtt
