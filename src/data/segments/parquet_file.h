#pragma once
// A Parquet file as it is written: row groups of column chunks, each a dictionary page (maybe) and
// one data page of version 2, compressed by zstd where that helps; the footer at the end
// (apache/parquet-format, parquet.thrift). Belongs to one writer on one thread. Buffers one row
// group; memory beyond that is the footer, about 1.5 KiB a row group.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "platform/files/files.h"

struct ZSTD_CCtx_s;

namespace mw::segments {

enum class PhysicalType : std::uint8_t { int32 = 1, int64 = 2, double_ = 5, byte_array = 6 };
enum class ConvertedType : std::int8_t {
    none = -1,
    utf8 = 0,
    uint_8 = 11,
    uint_64 = 14,
    int_64 = 18,
    timestamp_ns = 127  // ours: has only a logical type
};
enum class Encoding : std::uint8_t {
    plain = 0,
    rle = 3,
    delta_binary_packed = 5,
    rle_dictionary = 8
};

struct ParquetColumn {
    const char* name;
    PhysicalType type;
    ConvertedType converted = ConvertedType::none;
    bool optional = false;
};

using KeyValues = std::vector<std::pair<std::string, std::string>>;

// A column's part of a row group. Views need to live until add_chunk() returns.
struct ParquetChunk {
    ByteView dictionary{};  // PLAIN
    std::uint32_t dictionary_entries = 0;
    ByteView levels{};  // definition levels, if the column is optional
    ByteView values{};
    Encoding encoding = Encoding::plain;
    std::uint32_t rows = 0;
    std::uint32_t nulls = 0;
    // Smallest and largest value: PLAIN, texts without their length.
    std::optional<std::pair<std::string_view, std::string_view>> range{};
};

// zstd with one context for all pages of all files.
class Compressor {
 public:
    Compressor();
    ByteView compress(ByteView bytes);  // valid until the next call

 private:
    struct Free {
        void operator()(ZSTD_CCtx_s* context) const;
    };
    std::unique_ptr<ZSTD_CCtx_s, Free> context_;
    Bytes out_;
};

class ParquetFile {
 public:
    // `path` must not exist yet. The columns and the compressor outlive the file.
    static Result<ParquetFile> create(files::Files& files, const std::string& path,
                                      std::span<const ParquetColumn> columns, Compressor& zstd);
    ParquetFile(ParquetFile&&) noexcept;
    ParquetFile& operator=(ParquetFile&&) noexcept;
    ~ParquetFile();

    // In the order of the columns, then end_row_group() writes what came.
    void add_chunk(const ParquetChunk& chunk);
    Result<> end_row_group(std::uint32_t rows);
    // Writes the footer. Not synced.
    Result<> finish(const KeyValues& metadata);

 private:
    struct ChunkMeta;
    struct GroupMeta;
    struct PageSizes {
        std::size_t plain = 0;   // without compression
        std::size_t stored = 0;  // as written; both with the page's header
        PageSizes& operator+=(PageSizes more) {
            plain += more.plain, stored += more.stored;
            return *this;
        }
    };
    ParquetFile(std::unique_ptr<files::File> file, std::span<const ParquetColumn> columns,
                Compressor& zstd);
    PageSizes add_dictionary(const ParquetChunk& chunk);
    PageSizes add_data(const ParquetChunk& chunk);
    Bytes footer(const KeyValues& metadata) const;

    std::unique_ptr<files::File> file_;
    std::span<const ParquetColumn> columns_;
    Compressor* zstd_;
    Bytes pending_;                  // of the row group at hand
    std::uint64_t written_ = 0;      // bytes in the file
    std::vector<ChunkMeta> chunks_;  // of the row group at hand
    std::vector<GroupMeta> groups_;
};

}  // namespace mw::segments
