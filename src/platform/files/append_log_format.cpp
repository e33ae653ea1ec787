#include "platform/files/append_log_format.h"

#include <charconv>
#include <cstring>

#include "base/assert.h"
#include "base/crc32c.h"

namespace mw::files::format {
namespace {

constexpr std::size_t name_digits = 20;
constexpr std::string_view extension = ".mwlog";

}  // namespace

Bytes encode_header(std::string_view purpose, std::uint64_t first_number,
                    std::uint64_t number_before) {
    ASSERT(purpose.size() <= purpose_bytes);
    Bytes bytes(header_bytes);
    std::memcpy(bytes.data(), segment_magic.data(), segment_magic.size());
    store_le(bytes.data() + 8, version);
    std::memcpy(bytes.data() + 16, purpose.data(), purpose.size());
    store_le(bytes.data() + 32, first_number);
    store_le(bytes.data() + 40, number_before);
    store_le(bytes.data() + 60, crc32c(ByteView(bytes).first(60)));
    return bytes;
}

std::optional<Header> decode_header(ByteView bytes) {
    if (bytes.size() < header_bytes) return std::nullopt;
    if (text_of(bytes.first(segment_magic.size())) != segment_magic) return std::nullopt;
    if (load_le<std::uint32_t>(bytes.data() + 60) != crc32c(bytes.first(60))) return std::nullopt;
    Header header;
    auto purpose = text_of(bytes.subspan(16, purpose_bytes));
    header.purpose = purpose.substr(0, purpose.find('\0'));
    header.version = load_le<std::uint32_t>(bytes.data() + 8);
    header.first_number = load_le<std::uint64_t>(bytes.data() + 32);
    header.number_before = load_le<std::uint64_t>(bytes.data() + 40);
    return header;
}

std::optional<Item> item_at(ByteView bytes, std::size_t offset) {
    if (offset > bytes.size() || bytes.size() - offset < frame_head_bytes) return std::nullopt;
    const auto* at = bytes.data() + offset;
    auto magic = load_le<std::uint32_t>(at);
    if (magic != frame_magic && magic != mark_magic) return std::nullopt;
    auto length = load_le<std::uint32_t>(at + 4);
    if (length > bytes.size() - offset - frame_head_bytes) return std::nullopt;
    auto item = known_item_at(bytes, offset);
    auto crc = crc32c(item.payload, crc32c({at, 16}));
    if (crc != load_le<std::uint32_t>(at + 16)) return std::nullopt;
    return item;
}

Item known_item_at(ByteView bytes, std::size_t offset) {
    const auto* at = bytes.data() + offset;
    return {load_le<std::uint32_t>(at) == mark_magic, load_le<std::uint64_t>(at + 8),
            bytes.subspan(offset + frame_head_bytes, load_le<std::uint32_t>(at + 4))};
}

std::size_t next_item(ByteView bytes, std::size_t offset) {
    while (offset + frame_head_bytes <= bytes.size()) {
        const void* found = std::memchr(bytes.data() + offset, 'M', bytes.size() - offset);
        if (!found) break;
        offset = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
        if (item_at(bytes, offset)) return offset;
        ++offset;
    }
    return bytes.size();
}

void finish_item(std::span<std::uint8_t> item, std::uint32_t magic, std::uint64_t number) {
    auto* at = item.data();
    store_le(at, magic);
    store_le(at + 4, static_cast<std::uint32_t>(item.size() - frame_head_bytes));
    store_le(at + 8, number);
    store_le(at + 16, crc32c(item.subspan(frame_head_bytes), crc32c({at, 16})));
}

std::string segment_name(std::uint64_t id) {
    auto digits = std::to_string(id);
    return std::string(name_digits - digits.size(), '0').append(digits).append(extension);
}

std::optional<std::uint64_t> segment_id(std::string_view name) {
    if (name.size() != name_digits + extension.size() || !name.ends_with(extension))
        return std::nullopt;
    std::uint64_t id = 0;
    auto end = name.data() + name_digits;
    auto parsed = std::from_chars(name.data(), end, id);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return id;
}

}  // namespace mw::files::format
