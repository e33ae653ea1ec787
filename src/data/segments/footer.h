#pragma once
// What the end of a file of ours says: where the columns of each row group are, and which times and
// devices they hold (apache/parquet-format, parquet.thrift). Only files that our own writer made
// are understood; of others is_ours() is false. Immutable once read; any thread.

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "data/segments/parquet_file.h"
#include "platform/files/files.h"

namespace mw::segments {

// A column's part of a row group.
struct ChunkPlace {
    std::uint64_t begin = 0;  // of its first page
    std::uint64_t size = 0;   // of all pages, with their headers
    std::uint32_t rows = 0;
    Encoding encoding = Encoding::plain;
};

struct FooterGroup {
    std::uint32_t rows = 0;
    std::vector<ChunkPlace> chunks;  // by the file's columns
    // Of `time` and `device`; wide where the footer has none.
    std::int64_t time_min = std::numeric_limits<std::int64_t>::min();
    std::int64_t time_max = std::numeric_limits<std::int64_t>::max();
    std::string device_min;
    std::optional<std::string> device_max;
};

struct FooterColumn {
    std::string name;
    PhysicalType type = PhysicalType::int64;
    bool optional = false;
};

class Footer {
 public:
    // corrupt: it isn't a Parquet file, or damaged.
    static Result<Footer> read(files::File& file, const std::string& path);
    static Result<Footer> parse(ByteView bytes, std::uint64_t file_size);

    // Whether the data is as our writer of `format` in this `version` makes it.
    bool is_ours(std::string_view format, std::string_view version) const;
    std::optional<std::size_t> column(std::string_view name) const;
    const std::vector<FooterColumn>& columns() const { return columns_; }
    const std::vector<FooterGroup>& groups() const { return groups_; }
    std::size_t bytes() const;  // of memory, about

 private:
    std::vector<FooterColumn> columns_;
    std::vector<FooterGroup> groups_;
    std::string format_, version_, created_by_;
    friend class FooterParser;
};

}  // namespace mw::segments
