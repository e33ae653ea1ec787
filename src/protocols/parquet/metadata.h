#pragma once
// What the end of a Parquet file says: its columns, and where their parts are.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace mw::parquet {

enum class Physical : std::uint8_t {
    boolean = 0,
    int32 = 1,
    int64 = 2,
    int96 = 3,
    float_ = 4,
    double_ = 5,
    byte_array = 6,
    fixed = 7
};

enum class Meaning : std::uint8_t {
    plain,
    time_ms,
    time_us,
    time_ns,
    unsigned_,
    decimal,
    text,
    other
};

// A leaf of the schema.
struct Leaf {
    std::string name;
    Physical type = Physical::int64;
    Meaning meaning = Meaning::plain;
    std::uint8_t scale = 0;  // of a decimal: digits behind the point, at most 18
    bool optional = false;
    bool nested = false;  // inside a group, or repeated
};

enum class Codec : std::uint8_t { none = 0, snappy = 1, gzip = 2, zstd = 6 };

struct ChunkFacts {
    Physical type = Physical::int64;
    std::uint8_t codec = 0;
    std::uint64_t begin = 0, size = 0, values = 0;
};

struct GroupFacts {
    std::uint64_t rows = 0;
    std::vector<ChunkFacts> chunks;  // by leaf
};

struct Metadata {
    std::vector<Leaf> leaves;
    std::vector<GroupFacts> groups;
    std::vector<std::pair<std::string, std::string>> key_values;
    std::uint64_t rows = 0;
};

// invalid_input: not a Parquet file, or its end is damaged.
Result<Metadata> read_metadata(ByteView file);

}  // namespace mw::parquet
