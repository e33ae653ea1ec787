#pragma once
// Thrift's compact protocol, the writing half: what Parquet's page headers and footer are made of
// (apache/thrift, doc/specs/thrift-compact-protocol.md). A writer appends one struct to its buffer;
// fields come with growing ids. Limits: ids up to 15 above the one before, as Parquet's are.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace mw::segments {

// Little-endian groups of seven bits, and signed numbers folded into unsigned ones.
inline void append_varint(Bytes& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}
inline std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

enum class ThriftType : std::uint8_t {
    boolean_true = 1,
    boolean_false = 2,
    i16 = 4,
    i32 = 5,
    i64 = 6,
    binary = 8,
    list = 9,
    structure = 12
};

class ThriftWriter {
 public:
    explicit ThriftWriter(Bytes& out) : out_(out) {}  // inside the outermost struct

    void boolean(int id, bool value) {
        field(id, value ? ThriftType::boolean_true : ThriftType::boolean_false);
    }
    void i16(int id, std::int16_t value) { integer(id, ThriftType::i16, value); }
    void i32(int id, std::int32_t value) { integer(id, ThriftType::i32, value); }
    void i64(int id, std::int64_t value) { integer(id, ThriftType::i64, value); }
    void binary(int id, std::string_view value) {
        field(id, ThriftType::binary);
        binary_element(value);
    }
    void begin_struct(int id) {
        field(id, ThriftType::structure);
        begin_element();
    }
    void end_struct();  // of the innermost one; the outermost is ended the same way

    // Exactly `size` elements follow: i32_element, binary_element, or begin_element .. end_struct.
    void begin_list(int id, ThriftType elements, std::size_t size);
    void i32_element(std::int32_t value) { append_varint(out_, zigzag(value)); }
    void binary_element(std::string_view value);
    void begin_element() { last_.push_back(0); }

 private:
    void field(int id, ThriftType type);
    void integer(int id, ThriftType type, std::int64_t value) {
        field(id, type);
        append_varint(out_, zigzag(value));
    }
    Bytes& out_;
    std::vector<int> last_{0};  // the field id before, of every open struct
};

}  // namespace mw::segments
