#include "insight/native/wire.h"

namespace mw::native {

bool WireReader::fail() {
    broken_ = true;
    rest_ = {};
    return false;
}

bool WireReader::varint(std::uint64_t& value) {
    value = 0;
    for (std::size_t i = 0; i < rest_.size() && i < 10; ++i) {
        value |= static_cast<std::uint64_t>(rest_[i] & 0x7f) << (7 * i);
        if (rest_[i] & 0x80) continue;
        rest_ = rest_.subspan(i + 1);
        return true;
    }
    return fail();
}

bool WireReader::fixed(std::size_t size, std::uint64_t& value) {
    if (rest_.size() < size) return fail();
    value = size == 4 ? load_le<std::uint32_t>(rest_.data()) : load_le<std::uint64_t>(rest_.data());
    rest_ = rest_.subspan(size);
    return true;
}

bool WireReader::next(WireField& field) {
    if (rest_.empty()) return false;
    std::uint64_t key = 0;
    if (!varint(key)) return false;
    if (key >> 3 == 0 || key >> 3 > (1u << 29) - 1) return fail();
    field.number = static_cast<std::uint32_t>(key >> 3);
    field.bytes = {};
    switch (key & 7) {
        case 0:
            field.type = WireType::varint;
            return varint(field.value);
        case 1:
            field.type = WireType::fixed64;
            return fixed(8, field.value);
        case 5:
            field.type = WireType::fixed32;
            return fixed(4, field.value);
        case 2:
            break;
        default:
            return fail();  // groups are older than ONNX
    }
    field.type = WireType::bytes;
    if (!varint(field.value)) return false;
    if (field.value > rest_.size()) return fail();
    field.bytes = rest_.first(static_cast<std::size_t>(field.value));
    rest_ = rest_.subspan(field.bytes.size());
    return true;
}

}  // namespace mw::native
