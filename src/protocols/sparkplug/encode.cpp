#include "protocols/sparkplug/encode.h"

#include "protocols/sparkplug/decode.h"

namespace mw::sparkplug {
namespace {

std::uint64_t milliseconds_of(Timestamp time) {
    return static_cast<std::uint64_t>(time.ns / 1'000'000);
}

void put_varint(Bytes& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}

void put_number(Bytes& out, std::uint32_t field, std::uint64_t value) {
    put_varint(out, field << 3);
    put_varint(out, value);
}

void put_bytes(Bytes& out, std::uint32_t field, ByteView bytes) {
    put_varint(out, (field << 3) | 2);
    put_varint(out, bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

Bytes encode_rebirth(Timestamp now) {
    Bytes metric;
    put_bytes(metric, 1, bytes_of("Node Control/Rebirth"));
    put_number(metric, 3, milliseconds_of(now));
    put_number(metric, 4, static_cast<std::uint64_t>(DataType::boolean));
    put_number(metric, 14, 1);
    Bytes payload;
    put_number(payload, 1, milliseconds_of(now));
    put_bytes(payload, 2, metric);
    return payload;
}

std::string encode_state(bool online, Timestamp since) {
    return std::string("{\"online\":") + (online ? "true" : "false") +
           ",\"timestamp\":" + std::to_string(milliseconds_of(since)) + "}";
}

}  // namespace mw::sparkplug
