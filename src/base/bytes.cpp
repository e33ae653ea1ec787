#include "base/bytes.h"

#include <array>

namespace mw {
namespace {

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

constexpr std::array<std::int8_t, 256> make_base64_digits() {
    std::array<std::int8_t, 256> digits{};
    digits.fill(-1);
    for (int i = 0; i < 64; ++i) digits[static_cast<unsigned char>(base64_alphabet[i])] = i;
    digits['-'] = 62;
    digits['_'] = 63;
    return digits;
}
constexpr auto base64_digits = make_base64_digits();

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

std::string to_hex(ByteView bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (auto byte : bytes) text += digits[byte >> 4], text += digits[byte & 15];
    return text;
}

Result<Bytes> from_hex(std::string_view text) {
    if (text.size() % 2) return Error{Errc::invalid_input, "hex text has an odd length"};
    Bytes bytes(text.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return Error{Errc::invalid_input,
                         "not a hex digit near offset " + std::to_string(2 * i)};
        bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return bytes;
}

std::string to_base64(ByteView bytes, int columns) {
    std::string text;
    text.reserve(bytes.size() * 4 / 3 + 8);
    int column = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t word = bytes[i] << 16;
        if (i + 1 < bytes.size()) word |= bytes[i + 1] << 8;
        if (i + 2 < bytes.size()) word |= bytes[i + 2];
        text += base64_alphabet[word >> 18 & 63];
        text += base64_alphabet[word >> 12 & 63];
        text += i + 1 < bytes.size() ? base64_alphabet[word >> 6 & 63] : '=';
        text += i + 2 < bytes.size() ? base64_alphabet[word & 63] : '=';
        column += 4;
        if (columns > 0 && column >= columns) text += '\n', column = 0;
    }
    if (columns > 0 && column > 0) text += '\n';
    return text;
}

Result<Bytes> from_base64(std::string_view text) {
    Bytes bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t word = 0;
    int bits = 0;
    bool padded = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_space(text[i])) continue;
        if (text[i] == '=') {
            padded = true;
            continue;
        }
        int digit = base64_digits[static_cast<unsigned char>(text[i])];
        if (digit < 0 || padded)
            return Error{Errc::invalid_input, "not base64 at offset " + std::to_string(i)};
        word = word << 6 | static_cast<std::uint32_t>(digit);
        bits += 6;
        if (bits >= 8) bits -= 8, bytes.push_back(static_cast<std::uint8_t>(word >> bits & 255));
    }
    if (bits >= 6) return Error{Errc::invalid_input, "base64 ends inside a byte"};
    return bytes;
}

std::string to_base64url(ByteView bytes) {
    std::string text = to_base64(bytes);
    while (!text.empty() && text.back() == '=') text.pop_back();
    for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return text;
}

}  // namespace mw
