#pragma once
// TableFile: columns of a Parquet file by name. Flat columns only: booleans, integers, floating
// point, timestamps and texts, with or without nulls; pages of both versions; plain, Snappy, gzip
// and zstd; every encoding but DELTA_BYTE_ARRAY. What else a file has is passed over until asked.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/parquet/encodings.h"
#include "protocols/parquet/metadata.h"

namespace mw::parquet {

struct TableLimits {
    std::uint64_t rows_max = 16'000'000;
    std::size_t page_bytes_max = std::size_t{64} << 20;  // unpacked
};

class TableFile {
 public:
    // A view: `bytes` outlive it.
    static Result<TableFile> open(ByteView bytes, const TableLimits& limits = {});

    const std::vector<Leaf>& columns() const { return metadata_.leaves; }
    std::optional<std::size_t> find(std::string_view name) const;
    std::size_t rows() const { return static_cast<std::size_t>(metadata_.rows); }
    std::string_view key_value(std::string_view key) const;  // empty: it has none

    // One value of a column. Null has neither.
    struct Cell {
        std::size_t row = 0;
        std::optional<double> number;
        std::optional<std::int64_t> integer;  // and number, as near as a double is
        std::optional<std::string_view> text;
    };
    using Visit = std::function<Result<>(const Cell&)>;
    // All of them, in the order of rows. Errors name the column.
    Result<> read(std::size_t column, const Visit& visit) const;

 private:
    explicit TableFile(ByteView bytes, Metadata metadata, const TableLimits& limits)
        : bytes_(bytes), metadata_(std::move(metadata)), limits_(limits) {}
    Result<> read_chunk(const Leaf& leaf, const ChunkFacts& chunk, std::uint64_t rows,
                        std::size_t first_row, const Visit& visit) const;

    ByteView bytes_;
    Metadata metadata_;
    TableLimits limits_;
};

}  // namespace mw::parquet
