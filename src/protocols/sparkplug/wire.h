#pragma once
// Inside the module: protocol buffers as they lie in memory, read field by field without a copy.
// Only what Sparkplug's schema needs; groups, which it has not, are refused.

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace mw::sparkplug {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// One field. Of varint, fixed64 and fixed32 the bits; of bytes the view.
struct Field {
    std::uint32_t number = 0;
    WireType type = WireType::varint;
    std::uint64_t bits = 0;
    ByteView bytes = {};
};

class FieldReader {
 public:
    explicit FieldReader(ByteView message) : rest_(message), whole_(message.size()) {}

    // False at the end, and where the bytes make no sense: ask failed().
    bool next(Field& field);
    bool failed() const { return failed_; }
    std::size_t at() const { return whole_ - rest_.size(); }

 private:
    bool varint(std::uint64_t& value);
    bool fixed(std::size_t size, std::uint64_t& value);
    bool fail() {
        failed_ = true;
        return false;
    }

    ByteView rest_;
    std::size_t whole_;
    bool failed_ = false;
};

}  // namespace mw::sparkplug
