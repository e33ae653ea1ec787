#pragma once
// DuckDB's types and vectors as plain views. A Vector borrows from the Chunk it came from.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct _duckdb_vector;

namespace mw::duckdb {

// The types that the C API hands out; anything rarer arrives as `other` and must be cast in SQL.
enum class Kind : std::uint8_t {
    boolean,
    tinyint,
    smallint,
    integer,
    bigint,
    utinyint,
    usmallint,
    uinteger,
    ubigint,
    hugeint,
    uhugeint,
    real,
    double_,
    decimal,
    varchar,
    blob,
    date,
    time,
    interval,
    uuid,
    timestamp_s,
    timestamp_ms,
    timestamp_us,
    timestamp_ns,
    timestamp_tz,
    enumeration,
    list,
    structure,
    map,
    array,
    null,
    other,
};
std::string_view to_string(Kind kind);  // the SQL name: "DOUBLE", "TIMESTAMP_NS"

struct Type {
    Kind kind = Kind::other;
    std::uint8_t width = 0;               // decimal digits
    std::uint8_t scale = 0;               // of them behind the point
    std::uint32_t size = 0;               // elements of an array
    std::vector<Type> children = {};      // list, map, array: the element; struct: the fields
    std::vector<std::string> names = {};  // struct: field names; enumeration: its values
    std::string text() const;             // "DECIMAL(18,3)", "DOUBLE[]"
};

struct Column {
    std::string name;
    Type type;
};

struct Int128 {
    std::uint64_t lower = 0;
    std::int64_t upper = 0;
};
struct Interval {
    std::int32_t months = 0;
    std::int32_t days = 0;
    std::int64_t micros = 0;
};
struct ListEntry {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

// One column of a chunk. Rows are numbered from 0; reading past the chunk's size is a bug.
class Vector {
 public:
    Vector(_duckdb_vector* raw, const Type* type);

    const Type& type() const { return *type_; }
    bool valid(std::size_t row) const {
        return validity_ == nullptr || (validity_[row / 64] >> (row % 64) & 1) != 0;
    }
    // T is the physical type: int64 for times, int16/32/64 or Int128 for decimals by width.
    template <class T>
    const T* data() const {
        return static_cast<const T*>(data_);
    }
    std::string_view text(std::size_t row) const;  // varchar and blob
    Vector child(std::size_t index) const;         // list, map, array: 0; struct: the field

 private:
    _duckdb_vector* raw_;
    const Type* type_;
    const void* data_;
    const std::uint64_t* validity_;
};

}  // namespace mw::duckdb
