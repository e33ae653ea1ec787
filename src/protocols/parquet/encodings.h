#pragma once
// Parquet's encodings, the reading half (apache/parquet-format, Encodings.md). All counts are
// bounded by the caller; bytes are anything.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "protocols/parquet/metadata.h"

namespace mw::parquet {

// Values of one page; one of the three is used. Texts are views into the page's bytes.
struct Values {
    std::vector<std::int64_t> integers;  // int32 and int64; unsigned 32 bits as such
    std::vector<double> numbers;         // float, double, boolean
    std::vector<std::string_view> texts;
    std::size_t size() const { return integers.size() + numbers.size() + texts.size(); }
};

// The hybrid of runs and bit packing: `count` numbers of `width` bits.
Result<std::vector<std::uint32_t>> read_hybrid(ByteView bytes, unsigned width, std::size_t count);
Result<Values> read_plain(ByteView bytes, Physical type, std::size_t count, bool is_unsigned);
Result<Values> read_deltas(ByteView bytes, std::size_t count);
Result<Values> read_texts_with_lengths(ByteView bytes, std::size_t count);
Result<Values> read_split_streams(ByteView bytes, Physical type, std::size_t count);

}  // namespace mw::parquet
