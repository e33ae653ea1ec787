#pragma once
// Protocol buffers' wire format, read in place: nothing is copied and nothing is allocated. Any
// bytes are safe to read; what is cut off or of an unknown wire type ends the reading as broken.

#include <cstdint>

#include "base/bytes.h"

namespace mw::native {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct WireField {
    std::uint32_t number = 0;
    WireType type = WireType::varint;
    std::uint64_t value = 0;  // of a varint or a fixed number
    ByteView bytes;           // of a field with a length
};

class WireReader {
 public:
    explicit WireReader(ByteView bytes) : rest_(bytes) {}

    bool next(WireField& field);  // false: the end, or broken()
    bool varint(std::uint64_t& value);
    bool broken() const { return broken_; }
    bool at_end() const { return rest_.empty(); }

 private:
    bool fail();
    bool fixed(std::size_t size, std::uint64_t& value);

    ByteView rest_;
    bool broken_ = false;
};

}  // namespace mw::native
