#pragma once
// Inside the module: reading and writing the field types of MQTT (section 1.5), and properties.

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocols/mqtt/codec.h"

namespace mw::mqtt {

// Reads fields in order; the first that fails sticks, and later reads give zeros.
class Reader {
 public:
    Reader(PacketType type, ByteView body)
        : begin_(body.data()), at_(begin_), end_(begin_ + body.size()) {
        fault_.packet = type;
    }

    bool ok() const { return fault_.ok(); }
    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
    std::uint8_t u8(std::string_view what);
    std::uint16_t u16(std::string_view what);
    std::uint32_t u32(std::string_view what);
    std::uint32_t varint(std::string_view what);
    ByteView binary(std::string_view what);
    std::string_view text(std::string_view what);  // checks UTF-8
    ByteView take(std::size_t bytes, std::string_view what);
    ByteView rest();
    // Until widen(), the next bytes are all there is. There must be as many.
    void narrow(std::size_t bytes);
    void widen();

    void fail(ReasonCode reason, std::string_view what);  // at the place of the last field
    Fault finish();                                       // trailing bytes are malformed

 private:
    bool want(std::size_t bytes, std::string_view what);
    const std::uint8_t* begin_;
    const std::uint8_t* at_;
    const std::uint8_t* end_;
    const std::uint8_t* wide_end_ = nullptr;
    const std::uint8_t* field_ = begin_;
    Fault fault_;
};

// find_first_of() calls memchr for each character, which shows for the topic of each PUBLISH.
inline bool has_wildcard(std::string_view topic) {
    for (const char c : topic)
        if (c == '+' || c == '#') return true;
    return false;
}

// The property section of a packet; owner `reserved` stands for the will properties of CONNECT.
void read_properties(Reader& reader, PacketType owner, Properties& out);
bool reason_allowed(PacketType type, Version version, std::uint8_t code);

inline constexpr std::uint32_t max_varint = 268'435'455;
inline std::size_t varint_size(std::uint32_t value) {
    return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}
void put_u8(Bytes& out, std::uint8_t value);
void put_u16(Bytes& out, std::uint16_t value);
void put_u32(Bytes& out, std::uint32_t value);
void put_varint(Bytes& out, std::uint32_t value);
void put_raw(Bytes& out, ByteView bytes);
void put_text(Bytes& out, std::string_view text);  // with its two-byte length

std::size_t encoded_size(const Properties& properties);  // without the length in front
// The properties without the length in front.
void put_properties(Bytes& out, const Properties& properties);

}  // namespace mw::mqtt
