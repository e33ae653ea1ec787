#include "protocols/mqtt/wire.h"

#include <cstring>
#include <utility>

#include "base/assert.h"

namespace mw::mqtt {
namespace {

// The length of the well-formed UTF-8 character at the front of text, or 0 (RFC 3629 section 4).
std::size_t character_size(const std::uint8_t* at, std::size_t left) {
    const std::uint8_t lead = at[0];
    auto tail = [&](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xBF) {
        return i < left && at[i] >= low && at[i] <= high;
    };
    if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
    if (lead == 0xE0) return tail(1, 0xA0) && tail(2) ? 3 : 0;
    if (lead == 0xED) return tail(1, 0x80, 0x9F) && tail(2) ? 3 : 0;  // no surrogates
    if (lead >= 0xE1 && lead <= 0xEF) return tail(1) && tail(2) ? 3 : 0;
    if (lead == 0xF0) return tail(1, 0x90) && tail(2) && tail(3) ? 4 : 0;
    if (lead == 0xF4) return tail(1, 0x80, 0x8F) && tail(2) && tail(3) ? 4 : 0;
    if (lead >= 0xF1 && lead <= 0xF3) return tail(1) && tail(2) && tail(3) ? 4 : 0;
    return 0;
}

}  // namespace

bool is_mqtt_text(std::string_view text) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
    std::size_t left = text.size();
    while (left > 0) {
        if (left >= 8) {  // eight ASCII characters at a time
            std::uint64_t word;
            std::memcpy(&word, at, sizeof word);
            const std::uint64_t high = 0x8080808080808080ull;
            const bool has_zero = ((word - 0x0101010101010101ull) & ~word & high) != 0;
            if ((word & high) == 0 && !has_zero) {
                at += 8, left -= 8;
                continue;
            }
        }
        std::size_t size = 1;
        if (*at >= 0x80) size = character_size(at, left);
        if (size == 0 || *at == 0) return false;
        at += size, left -= size;
    }
    return true;
}

void Reader::fail(ReasonCode reason, std::string_view what) {
    if (!ok()) return;
    fault_.reason = reason;
    fault_.offset = static_cast<std::uint32_t>(field_ - begin_);
    fault_.what = what;
    at_ = end_;
}

bool Reader::want(std::size_t bytes, std::string_view what) {
    field_ = at_;
    if (left() >= bytes) return true;
    fail(ReasonCode::malformed_packet, what);
    return false;
}

std::uint8_t Reader::u8(std::string_view what) { return want(1, what) ? *at_++ : std::uint8_t{0}; }

std::uint16_t Reader::u16(std::string_view what) {
    if (!want(2, what)) return 0;
    const auto value = static_cast<std::uint16_t>(at_[0] << 8 | at_[1]);
    at_ += 2;
    return value;
}

std::uint32_t Reader::u32(std::string_view what) {
    if (!want(4, what)) return 0;
    const std::uint32_t value = std::uint32_t{at_[0]} << 24 | std::uint32_t{at_[1]} << 16 |
                                std::uint32_t{at_[2]} << 8 | std::uint32_t{at_[3]};
    at_ += 4;
    return value;
}

std::uint32_t Reader::varint(std::string_view what) {
    if (!want(1, what)) return 0;
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4 && at_ < end_; ++i) {
        const std::uint8_t byte = *at_++;
        value |= std::uint32_t{byte & 127u} << (7 * i);
        if ((byte & 128) != 0) continue;
        if (i > 0 && byte == 0)  // MQTT-1.5.5-1
            fail(ReasonCode::malformed_packet, "a length is written with more bytes than it needs");
        return value;
    }
    fail(ReasonCode::malformed_packet, what);
    return 0;
}

ByteView Reader::take(std::size_t bytes, std::string_view what) {
    if (!want(bytes, what)) return {};
    const ByteView taken{at_, bytes};
    at_ += bytes;
    return taken;
}

ByteView Reader::binary(std::string_view what) {
    const std::size_t size = u16(what);
    if (!ok()) return {};
    const auto* start = field_;
    const ByteView taken = take(size, what);
    if (ok()) field_ = start;
    return taken;
}

std::string_view Reader::text(std::string_view what) {
    const std::string_view text = text_of(binary(what));
    if (ok() && !is_mqtt_text(text))
        fail(ReasonCode::malformed_packet, "a text is not UTF-8, or holds U+0000 or a surrogate");
    return ok() ? text : std::string_view{};
}

ByteView Reader::rest() {
    field_ = at_;
    const ByteView taken{at_, left()};
    at_ = end_;
    return taken;
}

void Reader::narrow(std::size_t bytes) {
    ASSERT(wide_end_ == nullptr && bytes <= left());
    wide_end_ = std::exchange(end_, at_ + bytes);
}

void Reader::widen() {
    end_ = std::exchange(wide_end_, nullptr);
    if (!ok()) at_ = end_;
}

Fault Reader::finish() {
    if (ok() && at_ != end_) {
        field_ = at_;
        fail(ReasonCode::malformed_packet, "bytes follow the end of the packet's content");
    }
    return fault_;
}

void put_u8(Bytes& out, std::uint8_t value) { out.push_back(value); }

void put_u16(Bytes& out, std::uint16_t value) {
    const std::uint8_t bytes[]{static_cast<std::uint8_t>(value >> 8),
                               static_cast<std::uint8_t>(value)};
    out.insert(out.end(), bytes, bytes + 2);
}

void put_u32(Bytes& out, std::uint32_t value) {
    put_u16(out, static_cast<std::uint16_t>(value >> 16));
    put_u16(out, static_cast<std::uint16_t>(value));
}

void put_varint(Bytes& out, std::uint32_t value) {
    ASSERT(value <= max_varint);
    do {
        const auto low = static_cast<std::uint8_t>(value & 127);
        value >>= 7;
        out.push_back(value != 0 ? low | 128 : low);
    } while (value != 0);
}

void put_raw(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void put_text(Bytes& out, std::string_view text) {
    ASSERT(text.size() <= 65'535);
    put_u16(out, static_cast<std::uint16_t>(text.size()));
    put_raw(out, bytes_of(text));
}

}  // namespace mw::mqtt
