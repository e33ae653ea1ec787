#pragma once
// The encodings of Parquet that segments use (apache/parquet-format, Encodings.md): runs for what
// is constant over many rows, DELTA_BINARY_PACKED for numbers that move in small steps. Writers
// only. An encoder belongs to one column and is emptied for each row group.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace mw::segments {

// `count` rows of one small number: a dictionary's code or a definition level.
struct CodeRun {
    std::uint32_t value = 0;
    std::uint32_t count = 0;
};

// Lengthens the last run if it says the same.
inline void add_run(std::vector<CodeRun>& runs, std::uint32_t value, std::uint32_t count) {
    if (!runs.empty() && runs.back().value == value)
        runs.back().count += count;
    else if (count > 0)
        runs.push_back({value, count});
}

// The hybrid of run lengths and bit packing, without a length before it. width: 1 to 32 bits.
void append_runs(Bytes& out, std::span<const CodeRun> runs, unsigned width);

// Bits that all numbers below `count` fit in, at least one: some readers take zero bits amiss.
unsigned width_of_codes(std::uint32_t count);

// DELTA_BINARY_PACKED: the first value, then differences in blocks of 128; of each block the
// smallest difference and, for every 32, the rest in as few bits as the largest of them needs.
// All arithmetic wraps, so any int64 may follow any other.
class DeltaEncoder {
 public:
    // Values of one series. The step from the series before is expected to be unlike the others.
    // With `floor` no block starts above it and bits are rounded up to bytes: then equal series
    // become equal bytes wherever in a block they begin, and compression finds them.
    void append(std::span<const std::int64_t> values, std::optional<std::int64_t> floor = {});
    std::uint32_t count() const { return count_; }
    // All that was appended, valid until the next call. Without values it is empty.
    ByteView finish();
    void clear();

 private:
    static constexpr std::size_t block_values = 128;
    static constexpr std::size_t miniblock_values = 32;
    static constexpr std::size_t miniblocks = block_values / miniblock_values;
    static constexpr std::size_t header_bytes_max = 24;

    // How a block looks above a given smallest difference.
    struct Layout {
        std::uint64_t floor = 0;
        std::array<std::uint8_t, miniblocks> width{};
        std::size_t cost = 0;  // bits a value, summed over the miniblocks
    };
    void push_leap(std::uint64_t delta);
    void push(const std::int64_t* values, std::size_t count);  // differences to values[-1] on
    void flush();
    Layout layout(std::uint64_t floor) const;
    Layout choose_layout() const;
    std::int64_t smallest(bool with_leaps) const;

    std::array<std::uint64_t, block_values> deltas_{};
    std::array<bool, block_values> leap_{};  // first differences of series
    std::size_t filled_ = 0;
    bool leaps_ = false;
    std::optional<std::int64_t> floor_;  // the lowest wish in this block
    std::optional<std::int64_t> floor_of_series_;
    std::int64_t first_ = 0;
    std::int64_t last_ = 0;
    std::uint32_t count_ = 0;
    Bytes out_;  // room for the header, then blocks
    std::size_t used_ = header_bytes_max;
};

}  // namespace mw::segments
