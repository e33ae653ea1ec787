#include "protocols/sparkplug/wire.h"

namespace mw::sparkplug {

bool FieldReader::next(Field& field) {
    if (failed_ || rest_.empty()) return false;
    std::uint64_t key = 0;
    if (!varint(key)) return fail();
    if ((key >> 3) == 0 || (key >> 3) > 536'870'911) return fail();  // 29 bits
    field.number = static_cast<std::uint32_t>(key >> 3);
    field.bits = 0;
    field.bytes = {};
    switch (key & 7) {
        case 0:
            field.type = WireType::varint;
            return varint(field.bits) || fail();
        case 1:
            field.type = WireType::fixed64;
            return fixed(8, field.bits) || fail();
        case 2: {
            field.type = WireType::bytes;
            std::uint64_t size = 0;
            if (!varint(size) || size > rest_.size()) return fail();
            field.bytes = rest_.first(static_cast<std::size_t>(size));
            rest_ = rest_.subspan(static_cast<std::size_t>(size));
            return true;
        }
        case 5:
            field.type = WireType::fixed32;
            return fixed(4, field.bits) || fail();
        default:
            return fail();
    }
}

bool FieldReader::varint(std::uint64_t& value) {
    value = 0;
    for (unsigned i = 0; i < 10 && i < rest_.size(); ++i) {
        const std::uint8_t byte = rest_[i];
        if (i == 9 && byte > 1) return false;  // beyond 64 bits
        value |= static_cast<std::uint64_t>(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0) {
            rest_ = rest_.subspan(i + 1);
            return true;
        }
    }
    return false;
}

bool FieldReader::fixed(std::size_t size, std::uint64_t& value) {
    if (rest_.size() < size) return false;
    value = size == 8 ? load_le<std::uint64_t>(rest_.data()) : load_le<std::uint32_t>(rest_.data());
    rest_ = rest_.subspan(size);
    return true;
}

}  // namespace mw::sparkplug
