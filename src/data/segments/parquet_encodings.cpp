#include "data/segments/parquet_encodings.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "data/segments/thrift_compact.h"

namespace mw::segments {
namespace {

constexpr std::size_t group = 8;  // values are bit-packed eight at a time

void append_literals(Bytes& out, std::vector<std::uint32_t>& literals, unsigned width) {
    if (literals.empty()) return;
    literals.resize((literals.size() + group - 1) / group * group);
    append_varint(out, literals.size() / group << 1 | 1);
    std::uint64_t word = 0;
    unsigned used = 0;
    for (const std::uint32_t value : literals) {
        word |= std::uint64_t{value} << used;
        for (used += width; used >= 8; used -= 8, word >>= 8)
            out.push_back(static_cast<std::uint8_t>(word));
    }
    literals.clear();
}

void append_repeat(Bytes& out, CodeRun run, unsigned width) {
    append_varint(out, std::uint64_t{run.count} << 1);
    for (unsigned bit = 0; bit < width; bit += 8)
        out.push_back(static_cast<std::uint8_t>(run.value >> bit));
}

}  // namespace

unsigned width_of_codes(std::uint32_t count) {
    return count <= 2 ? 1 : static_cast<unsigned>(std::bit_width(count - 1));
}

void append_runs(Bytes& out, std::span<const CodeRun> runs, unsigned width) {
    std::vector<std::uint32_t> literals;
    for (CodeRun run : runs) {
        const auto open = static_cast<std::uint32_t>(literals.size() % group);
        const std::uint32_t fill = open == 0 ? 0 : std::min<std::uint32_t>(run.count, group - open);
        literals.insert(literals.end(), fill, run.value);
        run.count -= fill;
        if (run.count >= group) {
            append_literals(out, literals, width);
            append_repeat(out, run, width);
        } else {
            literals.insert(literals.end(), run.count, run.value);
        }
    }
    append_literals(out, literals, width);
}

namespace {

std::uint8_t* put_varint(std::uint8_t* to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::uint8_t>(value | 0x80);
    *to++ = static_cast<std::uint8_t>(value);
    return to;
}

// 32 values, the first in the lowest bits. Whole bytes are the common case of times; up to eight
// bytes behind the end are touched.
std::uint8_t* pack(const std::uint64_t* values, std::uint64_t floor, unsigned width,
                   std::uint8_t* to) {
    constexpr std::size_t count = 32;
    if (width % 8 == 0) {
        for (std::size_t i = 0; i < count; ++i, to += width / 8) store_le(to, values[i] - floor);
        return to;
    }
    std::uint64_t word = 0;
    unsigned used = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t value = values[i] - floor;
        word |= value << used;
        used += width;
        if (used < 64) continue;
        store_le(to, word);
        to += 8;
        used -= 64;
        word = used == 0 ? 0 : value >> (width - used);
    }
    if (used > 0) store_le(to, word);
    return to + used / 8;
}

}  // namespace

void DeltaEncoder::append(std::span<const std::int64_t> values, std::optional<std::int64_t> floor) {
    if (values.empty()) return;
    floor_of_series_ = floor;
    if (floor) floor_ = std::min(floor_.value_or(*floor), *floor);
    if (count_ == 0)
        first_ = values.front();
    else
        push_leap(static_cast<std::uint64_t>(values.front()) - static_cast<std::uint64_t>(last_));
    push(values.data() + 1, values.size() - 1);
    last_ = values.back();
    count_ += static_cast<std::uint32_t>(values.size());
}

void DeltaEncoder::push_leap(std::uint64_t delta) {
    leap_[filled_] = true;
    leaps_ = true;
    deltas_[filled_++] = delta;
    if (filled_ == block_values) flush();
}

void DeltaEncoder::push(const std::int64_t* values, std::size_t count) {
    while (count > 0) {
        const std::size_t step = std::min(count, block_values - filled_);
        const std::int64_t* before = values - 1;
        for (std::size_t i = 0; i < step; ++i)
            deltas_[filled_ + i] =
                static_cast<std::uint64_t>(values[i]) - static_cast<std::uint64_t>(before[i]);
        filled_ += step;
        values += step;
        count -= step;
        if (filled_ == block_values) flush();
    }
}

std::int64_t DeltaEncoder::smallest(bool with_leaps) const {
    std::int64_t smallest = std::numeric_limits<std::int64_t>::max();
    const auto see = [&](std::size_t i) {
        smallest = std::min(smallest, static_cast<std::int64_t>(deltas_[i]));
    };
    if (with_leaps) {
        for (std::size_t i = 0; i < filled_; ++i) see(i);
    } else {
        for (std::size_t i = 0; i < filled_; ++i)
            if (!leap_[i]) see(i);
    }
    return smallest;
}

DeltaEncoder::Layout DeltaEncoder::layout(std::uint64_t floor) const {
    Layout layout;
    layout.floor = floor;
    for (std::size_t mini = 0; mini * miniblock_values < filled_; ++mini) {
        const std::size_t begin = mini * miniblock_values;
        std::uint64_t bits = 0;
        if (begin + miniblock_values <= filled_) {
            for (std::size_t i = 0; i < miniblock_values; ++i) bits |= deltas_[begin + i] - floor;
        } else {
            for (std::size_t i = begin; i < filled_; ++i) bits |= deltas_[i] - floor;
        }
        auto width = static_cast<unsigned>(std::bit_width(bits));
        if (floor_) width = (width + 7) / 8 * 8;
        layout.width[mini] = static_cast<std::uint8_t>(width);
        layout.cost += width;
    }
    return layout;
}

// A leap below all other differences would widen the whole block if it were the smallest. Left out,
// it wraps around and takes 64 bits in its own miniblock, most of them zeros that compress well.
DeltaEncoder::Layout DeltaEncoder::choose_layout() const {
    const std::int64_t lowest = smallest(true);
    if (floor_) return layout(static_cast<std::uint64_t>(std::min(lowest, *floor_)));
    Layout all = layout(static_cast<std::uint64_t>(lowest));
    if (!leaps_) return all;
    const std::int64_t inner = smallest(false);
    if (inner == lowest || inner == std::numeric_limits<std::int64_t>::max()) return all;
    Layout wrapped = layout(static_cast<std::uint64_t>(inner));
    for (const std::uint8_t width : wrapped.width)
        if (width == 64) wrapped.cost -= 40;
    return wrapped.cost < all.cost ? wrapped : all;
}

void DeltaEncoder::flush() {
    constexpr std::size_t block_bytes_max = 10 + miniblocks + block_values * 8 + 8;
    if (out_.size() < used_ + block_bytes_max) out_.resize(2 * (used_ + block_bytes_max));
    const Layout layout = choose_layout();
    const std::size_t packed = (filled_ + miniblock_values - 1) / miniblock_values;
    std::fill(deltas_.begin() + filled_, deltas_.end(), layout.floor);
    std::uint8_t* to = out_.data() + used_;
    to = put_varint(to, zigzag(static_cast<std::int64_t>(layout.floor)));
    to = std::copy(layout.width.begin(), layout.width.end(), to);
    for (std::size_t mini = 0; mini < packed; ++mini)
        to = pack(&deltas_[mini * miniblock_values], layout.floor, layout.width[mini], to);
    used_ = static_cast<std::size_t>(to - out_.data());
    filled_ = 0;
    if (leaps_) leap_.fill(false);
    leaps_ = false;
    floor_ = floor_of_series_;
}

ByteView DeltaEncoder::finish() {
    if (count_ == 0) return {};
    if (filled_ > 0) flush();
    std::uint8_t header[header_bytes_max];
    std::uint8_t* end = put_varint(header, block_values);
    end = put_varint(end, miniblocks);
    end = put_varint(end, count_);
    end = put_varint(end, zigzag(first_));
    const auto size = static_cast<std::size_t>(end - header);
    ASSERT(size <= header_bytes_max);
    if (out_.empty()) out_.resize(header_bytes_max);  // one value has no blocks
    std::memcpy(out_.data() + header_bytes_max - size, header, size);
    return ByteView(out_).subspan(header_bytes_max - size, used_ - header_bytes_max + size);
}

void DeltaEncoder::clear() {
    filled_ = 0;
    leap_.fill(false);
    leaps_ = false;
    floor_.reset();
    count_ = 0;
    used_ = header_bytes_max;
}

}  // namespace mw::segments
