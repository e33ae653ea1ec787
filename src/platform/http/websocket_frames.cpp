#include "platform/http/websocket_frames.h"

#include <algorithm>
#include <bit>

namespace mw::http {
namespace {

constexpr std::uint8_t final_bit = 0x80, reserved_bits = 0x70, opcode_bits = 0x0F;
constexpr std::uint8_t mask_bit = 0x80, length_bits = 0x7F;
constexpr std::uint8_t length_16 = 126, length_64 = 127;

std::uint64_t big_endian(const std::uint8_t* at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | at[i];
    return value;
}

std::size_t length_size(std::uint8_t short_length) {
    return short_length == length_16 ? 2 : short_length == length_64 ? 8 : 0;
}

bool is_control_frame(Opcode opcode) { return static_cast<std::uint8_t>(opcode) >= 8; }

// 7.4: what may be sent, by the registry and the ranges for others.
bool may_be_sent(std::uint16_t code) {
    const bool registered = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
    return registered || (code >= 3000 && code <= 4999);
}

}  // namespace

std::uint32_t mask_into(std::uint8_t* to, ByteView from, std::uint32_t key) {
    const std::uint64_t wide = std::uint64_t{key} << 32 | key;
    const std::uint8_t* at = from.data();
    std::size_t left = from.size();
    for (; left >= 32; at += 32, to += 32, left -= 32) {
        std::uint64_t words[4];
        std::memcpy(words, at, sizeof words);
        for (auto& word : words) word ^= wide;
        std::memcpy(to, words, sizeof words);
    }
    for (; left >= 8; at += 8, to += 8, left -= 8) store_le(to, load_le<std::uint64_t>(at) ^ wide);
    for (std::size_t i = 0; i < left; ++i) {
        to[i] = static_cast<std::uint8_t>(at[i] ^ key);
        key = std::rotr(key, 8);
    }
    return key;
}

std::size_t put_frame_header(std::uint8_t* to, Opcode opcode, std::uint64_t size,
                             std::optional<std::uint32_t> key) {
    const std::uint8_t masked = key ? mask_bit : 0;
    const std::uint8_t length = size < length_16     ? static_cast<std::uint8_t>(size)
                                : size <= UINT16_MAX ? length_16
                                                     : length_64;
    to[0] = final_bit | static_cast<std::uint8_t>(opcode);
    to[1] = masked | length;
    std::size_t at = 2;
    for (std::size_t i = length_size(length); i > 0; --i)
        to[at++] = static_cast<std::uint8_t>(size >> (8 * (i - 1)));
    if (!key) return at;
    store_le(to + at, *key);
    return at + 4;
}

std::size_t FrameReader::feed(ByteView bytes, std::uint8_t* out) {
    std::uint8_t* const begin = out;
    while (!over()) {
        if (!in_payload_ && !take_header(bytes)) break;
        if (violation_) break;
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
        if (is_control_frame(opcode_)) {
            key_ = mask_into(control_.data() + control_size_, bytes.first(n), key_);
            control_size_ = static_cast<std::uint8_t>(control_size_ + n);
        } else {
            key_ = mask_into(out, bytes.first(n), key_);
            out += n;
        }
        bytes = bytes.subspan(n);
        left_ -= n;
        in_payload_ = left_ > 0;
        if (in_payload_) break;  // all bytes are taken
        if (is_control_frame(opcode_)) end_control();
    }
    return static_cast<std::size_t>(out - begin);
}

std::optional<Bytes> FrameReader::take_ping() {
    if (!std::exchange(pinged_, false)) return std::nullopt;
    return std::exchange(ping_, {});
}

std::size_t FrameReader::header_size() const {
    if (have_ < 2) return 2;
    const std::size_t mask = header_[1] & mask_bit ? 4 : 0;
    return 2 + length_size(header_[1] & length_bits) + mask;
}

bool FrameReader::take_header(ByteView& bytes) {
    while (have_ < header_size()) {
        if (bytes.empty()) return false;
        const std::size_t n = std::min(header_size() - have_, bytes.size());
        std::copy_n(bytes.begin(), n, header_.begin() + have_);
        have_ = static_cast<std::uint8_t>(have_ + n);
        bytes = bytes.subspan(n);
    }
    read_header();
    have_ = 0;
    return true;
}

void FrameReader::read_header() {
    const std::uint8_t short_length = header_[1] & length_bits;
    const std::size_t wide = length_size(short_length);
    const bool masked = header_[1] & mask_bit;
    left_ = wide > 0 ? big_endian(&header_[2], wide) : short_length;
    key_ = masked ? load_le<std::uint32_t>(&header_[2 + wide]) : 0;
    opcode_ = static_cast<Opcode>(header_[0] & opcode_bits);
    const bool final = header_[0] & final_bit;
    if (header_[0] & reserved_bits)
        return refuse(CloseCode::protocol_error, "reserved bits are set, and no extension is");
    if (masked != (side_ == Side::server))
        return refuse(CloseCode::protocol_error,
                      masked ? "a server's frame is masked" : "a client's frame is not masked");
    if ((wide == 2 && left_ < length_16) || (wide == 8 && left_ <= UINT16_MAX) || left_ >> 63)
        return refuse(CloseCode::protocol_error, "the length is not in its shortest form");
    switch (opcode_) {
        case Opcode::continuation:
        case Opcode::text:
        case Opcode::binary:
            return begin_data(opcode_, final);
        case Opcode::close:
        case Opcode::ping:
        case Opcode::pong:
            return begin_control(final);
    }
    refuse(CloseCode::protocol_error, "unknown opcode");
}

void FrameReader::begin_data(Opcode opcode, bool final) {
    if (opcode == Opcode::text)
        return refuse(CloseCode::unsupported, "a text frame; want binary ones");
    if ((opcode == Opcode::continuation) != in_message_)
        return refuse(CloseCode::protocol_error, in_message_ ? "a message begins inside another"
                                                             : "a continuation without a message");
    if (!in_message_) message_bytes_ = 0;
    if (left_ > limits_.frame_bytes) return refuse(CloseCode::too_big, "the frame is too large");
    message_bytes_ += left_;
    if (message_bytes_ > limits_.message_bytes)
        return refuse(CloseCode::too_big, "the message is too large");
    in_message_ = !final;
}

void FrameReader::begin_control(bool final) {
    if (!final) return refuse(CloseCode::protocol_error, "a control frame in fragments");
    if (left_ > control_bytes_max)
        return refuse(CloseCode::protocol_error, "a control frame of more than 125 bytes");
    control_size_ = 0;
}

void FrameReader::end_control() {
    if (opcode_ == Opcode::ping) {
        pinged_ = true;
        ping_.assign(control_.begin(), control_.begin() + control_size_);
    } else if (opcode_ == Opcode::close) {
        read_close();
    }
}

// The reason's text is for people and nobody reads it here.
void FrameReader::read_close() {
    closed_ = true;
    if (control_size_ == 0) return;
    if (control_size_ == 1) return refuse(CloseCode::protocol_error, "half a close code");
    close_code_ = static_cast<std::uint16_t>(big_endian(control_.data(), 2));
    if (!may_be_sent(close_code_))
        refuse(CloseCode::protocol_error, "a close code that may not be sent");
}

}  // namespace mw::http
