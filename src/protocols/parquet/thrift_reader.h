#pragma once
// Thrift's compact protocol, the reading half (apache/thrift,
// doc/specs/thrift-compact-protocol.md). Bytes may be anything: what does not fit sets failed(),
// after which every call gives zeros and ends. Limits: 64 structs inside each other. Views live as
// long as the bytes.

#include <cstdint>
#include <string_view>

#include "protocols/parquet/byte_reader.h"

namespace mw::parquet {

class ThriftReader;

struct ThriftField {
    int id = 0;
    std::uint8_t type = 0;
};

// The fields of one struct, in turn; false at its end. A field is read by a call of the reader, or
// skipped.
class ThriftStruct {
 public:
    bool next(ThriftReader& in, ThriftField& field);

 private:
    int last_ = 0;
};

class ThriftReader {
 public:
    explicit ThriftReader(ByteView bytes) : in_{bytes} {}

    std::int64_t integer() { return in_.unfolded(); }  // i16, i32, i64
    std::string_view binary();
    struct List {
        std::uint8_t type = 0;
        std::size_t size = 0;
    };
    List list();  // its elements are then read one by one
    void skip(std::uint8_t type);

    bool failed() const { return in_.failed; }
    void fail() { in_.failed = true; }
    std::size_t position() const { return in_.at; }

 private:
    friend class ThriftStruct;
    void skip_list();

    ByteReader in_;
    int depth_ = 0;
};

}  // namespace mw::parquet
