#pragma once
// Bytes and their text forms. Pure functions; no limits of their own.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mw {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

inline ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(ByteView bytes);  // lower case
Result<Bytes> from_hex(std::string_view text);
std::string to_base64(ByteView bytes, int columns = 0);  // columns > 0 wraps lines with '\n'
Result<Bytes> from_base64(std::string_view text);        // white space is skipped; padding optional
std::string to_base64url(ByteView bytes);                // RFC 4648 section 5, no padding

// Unaligned little-endian access, for formats on disk.
template <class T>
T load_le(const void* at) {
    static_assert(std::endian::native == std::endian::little, "add a byte swap for this machine");
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
template <class T>
void store_le(void* at, T value) {
    static_assert(std::endian::native == std::endian::little, "add a byte swap for this machine");
    std::memcpy(at, &value, sizeof value);
}

}  // namespace mw
