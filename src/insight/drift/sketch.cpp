#include "insight/drift/sketch.h"

#include <algorithm>
#include <bit>

namespace mw::drift {
namespace {

constexpr std::string_view magic = "MWS1";
constexpr std::size_t hash_bytes = 32;
constexpr std::size_t head_bytes = 4 + hash_bytes + 8;
constexpr std::size_t bins_max = 255;

class Writer {
 public:
    void byte(std::uint64_t value) { bytes_.push_back(static_cast<std::uint8_t>(value)); }
    void varint(std::uint64_t value) {
        for (; value >= 128; value >>= 7) byte(value | 128);
        byte(value);
    }
    void append(ByteView more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
    // Numbers of `width` bits each, low bits first.
    void packed(const std::vector<std::uint64_t>& values, int width) {
        std::size_t bit = bytes_.size() * 8;
        bytes_.resize((bit + values.size() * static_cast<std::size_t>(width) + 7) / 8);
        for (const std::uint64_t value : values)
            for (int i = 0; i < width; ++i, ++bit)
                if (value >> i & 1) bytes_[bit / 8] |= static_cast<std::uint8_t>(1 << bit % 8);
    }
    Bytes take() { return std::move(bytes_); }

 private:
    Bytes bytes_;
};

class Reader {
 public:
    Reader(ByteView bytes, std::size_t at) : bytes_(bytes), at_(at) {}

    std::uint64_t byte() {
        if (at_ >= bytes_.size()) return failed_ = true, 0;
        return bytes_[at_++];
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const std::uint64_t next = byte();
            value |= (next & 127) << shift;
            if (next < 128) return value;
        }
        return failed_ = true, 0;
    }
    std::vector<std::uint64_t> packed(std::size_t count, int width) {
        const std::size_t size = (count * static_cast<std::size_t>(width) + 7) / 8;
        std::vector<std::uint64_t> values(count);
        if (bytes_.size() - at_ < size) return failed_ = true, values;
        std::size_t bit = at_ * 8;
        for (std::uint64_t& value : values)
            for (int i = 0; i < width; ++i, ++bit)
                value |= std::uint64_t{bytes_[bit / 8] >> bit % 8 & 1u} << i;
        at_ += size;
        return values;
    }
    ByteView rest() const { return bytes_.subspan(at_); }
    bool failed() const { return failed_; }

 private:
    ByteView bytes_;
    std::size_t at_;
    bool failed_ = false;
};

void write(Writer& writer, const Column& column) {
    const std::uint64_t most = *std::max_element(column.bins.begin(), column.bins.end());
    const int width = std::bit_width(most);
    writer.byte(column.bins.size());
    writer.byte(static_cast<std::uint64_t>(width) | (column.bad > 0 ? 64 : 0));
    writer.packed(column.bins, width);
    if (column.bad > 0) writer.varint(column.bad);
    for (const Column::Pairs& pairs : column.pairs) {
        writer.varint(column.n() - pairs.n);  // a value is the second of at most one pair
        writer.varint(pairs.squares);
    }
}

constexpr std::uint64_t count_max = std::uint64_t{1} << 40;  // sums of many stay far from 64 bits

Result<Column> read(Reader& reader) {
    const Error bad{Errc::invalid_input, "sketch: a column is not readable"};
    Column column;
    const auto bins = static_cast<std::size_t>(reader.byte());
    const std::uint64_t head = reader.byte();
    const int width = static_cast<int>(head & 63);
    if (reader.failed() || bins == 0 || bins >= bins_max || width > 40) return bad;
    column.bins = reader.packed(bins, width);
    if (head & 64) column.bad = reader.varint();
    if (reader.failed() || column.bad > count_max) return bad;
    const std::uint64_t n = column.n();
    for (Column::Pairs& pairs : column.pairs) {
        const std::uint64_t without = reader.varint();
        pairs.squares = reader.varint();
        if (reader.failed() || without > n || pairs.squares > count_max) return bad;
        pairs.n = n - without;
    }
    return column;
}

}  // namespace

Bytes encode(const Sketch& sketch) {
    Writer writer;
    writer.append(bytes_of(magic));
    auto hash = from_hex(sketch.bundle);
    ASSERT(hash && hash->size() == hash_bytes);
    writer.append(*hash);
    std::array<std::uint8_t, 8> from;
    store_le(from.data(), sketch.from.ns);
    writer.append(from);
    writer.varint(static_cast<std::uint64_t>((sketch.to - sketch.from) / milliseconds{1}));
    writer.varint(sketch.part);
    writer.varint(sketch.counts.columns.size());
    for (const Column& column : sketch.counts.columns) write(writer, column);
    writer.append(sketch.latency_us.to_bytes());
    return writer.take();
}

Result<Sketch> decode_sketch(ByteView bytes) {
    if (bytes.size() < head_bytes || text_of(bytes.first(4)) != magic)
        return Error{Errc::invalid_input, "sketch: it does not begin with MWS1"};
    Sketch sketch;
    sketch.bundle = to_hex(bytes.subspan(4, hash_bytes));
    sketch.from.ns = load_le<std::int64_t>(&bytes[4 + hash_bytes]);
    Reader reader(bytes, head_bytes);
    const std::uint64_t length_ms = reader.varint();
    const std::uint64_t part = reader.varint();
    const std::uint64_t columns = reader.varint();
    constexpr std::uint64_t year_ms = std::uint64_t{366} * 86'400'000;
    if (reader.failed() || length_ms == 0 || length_ms > year_ms || part > 0xffffffff ||
        columns == 0 || columns > sketch_columns_max || sketch.from.ns < -(std::int64_t{1} << 62) ||
        sketch.from.ns > std::int64_t{1} << 62)
        return Error{Errc::invalid_input, "sketch: window or number of columns is out of range"};
    sketch.to = sketch.from + milliseconds{static_cast<std::int64_t>(length_ms)};
    sketch.part = static_cast<std::uint32_t>(part);
    for (std::uint64_t i = 0; i < columns; ++i) {
        TRY(Column column, read(reader));
        sketch.counts.columns.push_back(std::move(column));
    }
    TRY(sketch.latency_us, Histogram::from_bytes(reader.rest()).context("sketch: latencies"));
    return sketch;
}

}  // namespace mw::drift
