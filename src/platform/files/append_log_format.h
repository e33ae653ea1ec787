#pragma once
// The bytes of an append log (docs/formats/append-log.md). Inside platform/files only.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace mw::files::format {

inline constexpr std::size_t header_bytes = 64;
inline constexpr std::size_t frame_head_bytes = 20;
inline constexpr std::uint32_t version = 1;
inline constexpr std::uint32_t frame_magic = 0x5246574d;  // "MWFR"
inline constexpr std::uint32_t mark_magic = 0x4b4d574d;   // "MWMK"
inline constexpr std::string_view segment_magic{"MWAPLOG\n", 8};
inline constexpr std::size_t purpose_bytes = 16;

struct Header {
    std::string purpose;
    std::uint32_t version = 0;
    std::uint64_t first_number = 0;   // frames here have this number or a higher one
    std::uint64_t number_before = 0;  // of the last frame synced in the segments before this one
};
Bytes encode_header(std::string_view purpose, std::uint64_t first_number,
                    std::uint64_t number_before);
// Nothing when it is not a whole header; a header of another version is returned as it is.
std::optional<Header> decode_header(ByteView bytes);

// A frame, or a mark: "numbers up to this one were synced before this was written".
struct Item {
    bool mark = false;
    std::uint64_t number = 0;
    ByteView payload;
    std::size_t bytes() const { return frame_head_bytes + payload.size(); }
};
// The item at an offset, if its checksum holds.
std::optional<Item> item_at(ByteView bytes, std::size_t offset);
// The same without reading the payload, where the checksum is known to hold.
Item known_item_at(ByteView bytes, std::size_t offset);
// The first offset at or behind `offset` where a valid item starts; bytes.size() if there is none.
std::size_t next_item(ByteView bytes, std::size_t offset);
// Writes magic, length, number and checksum before a payload that is already in place.
void finish_item(std::span<std::uint8_t> item, std::uint32_t magic, std::uint64_t number);

std::string segment_name(std::uint64_t id);
std::optional<std::uint64_t> segment_id(std::string_view name);

}  // namespace mw::files::format
