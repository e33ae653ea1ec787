#pragma once
// A column of a row group as it is read: its pages unpacked, and rows of it found without reading
// those before them. The counterparts of parquet_encodings.h. What is damaged is refused when a
// page is opened; rows can be read without a check afterwards. Immutable then; any thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "data/segments/footer.h"

struct ZSTD_DCtx_s;

namespace mw::segments {

// Codes of consecutive rows, equal ones together.
class RowRuns {
 public:
    struct Run {
        std::uint32_t end = 0;  // the row behind it
        std::uint32_t value = 0;
    };
    // The hybrid of run lengths and bit packing. corrupt: fewer rows, or a run beyond the bytes.
    static Result<RowRuns> decode(ByteView bytes, unsigned width, std::uint32_t rows);

    std::span<const Run> all() const { return runs_; }
    // The run that has this row.
    std::size_t find(std::uint32_t row) const;
    std::size_t bytes() const { return runs_.size() * sizeof(Run); }

 private:
    void add(std::uint32_t value, std::uint32_t count);
    std::vector<Run> runs_;
};

// Which rows of an optional column have a value, and how many have one before a row.
class Presence {
 public:
    Presence() = default;
    explicit Presence(RowRuns runs);
    const RowRuns& runs() const { return runs_; }
    std::uint32_t rank(std::uint32_t row) const;  // values before this row
    std::uint32_t values() const { return before_.empty() ? 0 : before_.back(); }
    std::size_t bytes() const { return runs_.bytes() + before_.size() * 4; }

 private:
    RowRuns runs_;
    std::vector<std::uint32_t> before_;  // values before each run, and in all
};

// DELTA_BINARY_PACKED.
class Deltas {
 public:
    Deltas() = default;
    static Result<Deltas> open(Bytes bytes, std::uint32_t count);

    std::uint32_t count() const { return count_; }
    void read_all(std::int64_t* out) const;
    // With mark(), any values without those before them: 16 bytes for every 128 values.
    void mark();
    void read(std::uint32_t begin, std::uint32_t end, std::int64_t* out) const;
    std::size_t bytes() const { return bytes_.size() + blocks_.size() * sizeof(Block); }

 private:
    static constexpr std::uint32_t block_values = 128;
    static constexpr std::uint32_t miniblock_values = 32;
    struct Block {
        std::uint32_t at = 0;      // where it begins
        std::uint64_t before = 0;  // the value before its first, once marked
    };
    std::uint64_t read_block(std::size_t block, std::uint64_t before, std::int64_t* out) const;

    Bytes bytes_;  // with room behind the end, so that whole words can be loaded
    std::uint32_t count_ = 0;
    std::int64_t first_ = 0;
    std::vector<Block> blocks_;
};

// zstd with one context for all pages. Of one thread.
class Decompressor {
 public:
    Decompressor();
    // Exactly `size` bytes, then `room` zeros. corrupt: something else comes out.
    Result<Bytes> decompress(ByteView bytes, std::size_t size, std::size_t room = 0);

 private:
    struct Free {
        void operator()(ZSTD_DCtx_s* context) const;
    };
    std::unique_ptr<ZSTD_DCtx_s, Free> context_;
};

struct ColumnPage {
    std::uint32_t rows = 0;
    std::optional<Presence> present;  // nullopt: every row has a value
    // One of these, by the encoding.
    Deltas deltas;
    Bytes plain;
    RowRuns codes;
    Bytes dictionary;  // PLAIN

    // `bytes` are those of the chunk. `marked`: rows will be read here and there.
    static Result<ColumnPage> open(ByteView bytes, const FooterColumn& column,
                                   const ChunkPlace& place, Decompressor& zstd, bool marked);
    std::uint32_t values() const { return present ? present->values() : rows; }
    std::size_t bytes() const;
};

}  // namespace mw::segments
