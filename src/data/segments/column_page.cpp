#include "data/segments/column_page.h"

#include <zstd.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "protocols/parquet/parquet.h"

namespace mw::segments {

using parquet::ByteReader;
using parquet::ThriftField;
using parquet::ThriftReader;
using parquet::ThriftStruct;

namespace {

constexpr std::size_t word_room = 16;
constexpr std::size_t page_bytes_max = std::size_t{1} << 30;

Error bad_page(const char* what) { return Error{Errc::corrupt, what}; }

}  // namespace

void RowRuns::add(std::uint32_t value, std::uint32_t count) {
    const std::uint32_t begin = runs_.empty() ? 0 : runs_.back().end;
    if (!runs_.empty() && runs_.back().value == value)
        runs_.back().end += count;
    else if (count > 0)
        runs_.push_back({begin + count, value});
}

Result<RowRuns> RowRuns::decode(ByteView bytes, unsigned width, std::uint32_t rows) {
    if (width == 0 || width > 32) return bad_page("codes of a width that can't be");
    ByteReader in{bytes};
    RowRuns runs;
    for (std::uint32_t left = rows; left > 0;) {
        const std::uint64_t head = in.varint();
        if (in.failed || head >> 1 == 0) return bad_page("codes end before their rows do");
        if (head & 1) {
            const std::size_t begin = in.at;
            if (head >> 1 > bytes.size() || !in.skip((head >> 1) * width))
                return bad_page("codes end before their rows do");
            const std::uint64_t packed = std::min<std::uint64_t>(left, (head >> 1) * 8);
            for (std::uint64_t i = 0, bit = 0; i < packed; ++i) {
                std::uint32_t value = 0;
                for (unsigned b = 0; b < width; ++b, ++bit)
                    value |= (bytes[begin + bit / 8] >> (bit % 8) & 1u) << b;
                runs.add(value, 1);
            }
            left -= static_cast<std::uint32_t>(packed);
        } else {
            std::uint32_t value = 0;
            for (unsigned b = 0; b < width; b += 8) value |= std::uint32_t{in.byte()} << b;
            if (in.failed) return bad_page("codes end before their rows do");
            const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, head >> 1));
            runs.add(value, count);
            left -= count;
        }
    }
    return runs;
}

std::size_t RowRuns::find(std::uint32_t row) const {
    const auto at = std::upper_bound(runs_.begin(), runs_.end(), row,
                                     [](std::uint32_t r, const Run& run) { return r < run.end; });
    return static_cast<std::size_t>(at - runs_.begin());
}

Presence::Presence(RowRuns runs) : runs_(std::move(runs)) {
    std::uint32_t row = 0, values = 0;
    for (const RowRuns::Run& run : runs_.all()) {
        before_.push_back(values);
        if (run.value != 0) values += run.end - row;
        row = run.end;
    }
    before_.push_back(values);
}

std::uint32_t Presence::rank(std::uint32_t row) const {
    const std::size_t at = runs_.find(row);
    if (at == runs_.all().size() || runs_.all()[at].value == 0) return before_[at];
    return before_[at] + row - (at == 0 ? 0 : runs_.all()[at - 1].end);
}

// --- deltas

namespace {

// 32 numbers of a constant width, each added to what came before and `floor`.
template <unsigned width>
std::uint64_t add_up(const std::uint8_t* in, std::uint64_t floor, std::uint64_t value,
                     std::int64_t* out) {
    constexpr std::uint64_t mask =
        width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
    std::uint64_t steps[32];
    for (unsigned i = 0; i < 32; ++i) {
        const unsigned bit = i * width, shift = bit % 8;
        std::uint64_t word = load_le<std::uint64_t>(in + bit / 8) >> shift;
        if constexpr (width > 57)
            if (shift > 0) word |= std::uint64_t{in[bit / 8 + 8]} << (64 - shift);
        steps[i] = (word & mask) + floor;
    }
    for (unsigned i = 0; i < 32; ++i) {
        value += steps[i];
        out[i] = static_cast<std::int64_t>(value);
    }
    return value;
}

using AddUp = std::uint64_t (*)(const std::uint8_t*, std::uint64_t, std::uint64_t, std::int64_t*);
template <std::size_t... widths>
constexpr std::array<AddUp, sizeof...(widths)> by_width(std::index_sequence<widths...>) {
    return {add_up<widths>...};
}
constexpr auto add_up_of = by_width(std::make_index_sequence<65>());

}  // namespace

Result<Deltas> Deltas::open(Bytes bytes, std::uint32_t count) {
    Deltas deltas;
    deltas.count_ = count;
    if (count == 0) return deltas;
    ASSERT(bytes.size() >= word_room);
    ByteReader in{ByteView(bytes).first(bytes.size() - word_room)};
    if (in.varint() != block_values || in.varint() != block_values / miniblock_values)
        return bad_page("deltas in blocks that we don't make");
    if (in.varint() != count) return bad_page("a column with more or fewer values than rows");
    deltas.first_ = in.unfolded();
    for (std::uint32_t done = 1; done < count && !in.failed; done += block_values) {
        deltas.blocks_.push_back({static_cast<std::uint32_t>(in.at), 0});
        in.varint();
        const std::size_t widths = in.at;
        if (!in.skip(block_values / miniblock_values)) break;
        for (std::uint32_t mini = 0; mini * miniblock_values < std::min(count - done, block_values);
             ++mini) {
            const unsigned width = bytes[widths + mini];
            if (width > 64 || !in.skip(miniblock_values / 8 * width)) in.failed = true;
        }
    }
    if (in.failed || bytes.size() > 0xffffffffu) return bad_page("deltas end before their rows do");
    deltas.bytes_ = std::move(bytes);
    return deltas;
}

// All values of a block, always a multiple of 32; gives the last of them.
std::uint64_t Deltas::read_block(std::size_t block, std::uint64_t before, std::int64_t* out) const {
    ByteReader in{bytes_, blocks_[block].at};
    const auto floor = static_cast<std::uint64_t>(in.unfolded());
    const std::uint8_t* widths = bytes_.data() + in.at;
    const std::uint8_t* packed = widths + block_values / miniblock_values;
    const auto left = count_ - 1 - static_cast<std::uint32_t>(block) * block_values;
    for (std::uint32_t mini = 0; mini * miniblock_values < std::min(left, block_values); ++mini) {
        before = add_up_of[widths[mini]](packed, floor, before, out + mini * miniblock_values);
        packed += miniblock_values / 8 * widths[mini];
    }
    return before;
}

void Deltas::read_all(std::int64_t* out) const {
    if (count_ == 0) return;
    out[0] = first_;
    auto value = static_cast<std::uint64_t>(first_);
    for (std::size_t block = 0; block < blocks_.size(); ++block) {
        std::int64_t* to = out + 1 + block * block_values;
        if (1 + (block + 1) * block_values <= count_) {
            value = read_block(block, value, to);
        } else {
            std::int64_t last[block_values];
            read_block(block, value, last);
            std::copy_n(last, count_ - 1 - block * block_values, to);
        }
    }
}

void Deltas::mark() {
    auto value = static_cast<std::uint64_t>(first_);
    std::int64_t values[block_values];
    for (std::size_t block = 0; block < blocks_.size(); ++block) {
        blocks_[block].before = value;
        value = read_block(block, value, values);
    }
}

void Deltas::read(std::uint32_t begin, std::uint32_t end, std::int64_t* out) const {
    if (begin == 0 && end > 0) {
        *out++ = first_;
        ++begin;
    }
    std::int64_t values[block_values];
    while (begin < end) {
        const std::uint32_t block = (begin - 1) / block_values;
        const std::uint32_t first = 1 + block * block_values;
        read_block(block, blocks_[block].before, values);
        const std::uint32_t stop = std::min(end, first + block_values);
        out = std::copy(values + (begin - first), values + (stop - first), out);
        begin = stop;
    }
}

// --- pages

void Decompressor::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }
Decompressor::Decompressor() : context_(ZSTD_createDCtx()) { ASSERT(context_ != nullptr); }

Result<Bytes> Decompressor::decompress(ByteView bytes, std::size_t size, std::size_t room) {
    // What the frame says is looked at first, so that a damaged header can't make us take memory.
    if (ZSTD_getFrameContentSize(bytes.data(), bytes.size()) != size)
        return bad_page("a page of another size than its header says");
    Bytes out(size + room);
    const std::size_t got =
        ZSTD_decompressDCtx(context_.get(), out.data(), size, bytes.data(), bytes.size());
    if (got != size) return bad_page("a page that zstd can't read");
    return out;
}

namespace {

struct PageHeader {
    std::int64_t type = -1;
    std::size_t plain = 0, stored = 0, levels = 0;
    std::int64_t rows = 0;
    bool compressed = true;
};

constexpr std::int64_t dictionary_page = 2, data_page_v2 = 3;

PageHeader read_header(ThriftReader& in) {
    PageHeader header;
    ThriftStruct fields;
    for (ThriftField field; fields.next(in, field);) {
        if (field.id == 1) {
            header.type = in.integer();
        } else if (field.id == 2) {
            header.plain = static_cast<std::size_t>(in.integer());
        } else if (field.id == 3) {
            header.stored = static_cast<std::size_t>(in.integer());
        } else if (field.id == 8) {
            ThriftStruct data;
            for (ThriftField inner; data.next(in, inner);) {
                if (inner.id == 1)
                    header.rows = in.integer();
                else if (inner.id == 5)
                    header.levels = static_cast<std::size_t>(in.integer());
                else if (inner.id == 7)
                    header.compressed = inner.type == 1;  // the value is in the type
                else
                    in.skip(inner.type);
            }
        } else {
            in.skip(field.type);
        }
    }
    return header;
}

// A page's header and its bytes; `bytes` moves on.
Result<std::pair<PageHeader, ByteView>> next_page(ByteView& bytes) {
    ThriftReader in(bytes);
    const PageHeader header = read_header(in);
    if (in.failed() || header.plain > page_bytes_max || header.levels > header.stored ||
        header.levels > header.plain || header.stored > bytes.size() - in.position())
        return bad_page("a page whose header can't be read");
    const ByteView body = bytes.subspan(in.position(), header.stored);
    bytes = bytes.subspan(in.position() + header.stored);
    return std::pair{header, body};
}

Result<Bytes> values_of(const PageHeader& header, ByteView body, Decompressor& zstd) {
    const ByteView stored = body.subspan(header.levels);
    const std::size_t size = header.plain - header.levels;
    if (header.compressed && !stored.empty()) return zstd.decompress(stored, size, word_room);
    if (stored.size() != size) return bad_page("a page of another size than its header says");
    Bytes out(size + word_room);
    std::copy(stored.begin(), stored.end(), out.begin());
    return out;
}

Result<> open_values(ColumnPage& page, Bytes values, Encoding encoding, bool marked) {
    const std::uint32_t count = page.values();
    if (encoding == Encoding::delta_binary_packed) {
        TRY(page.deltas, Deltas::open(std::move(values), count));
        if (marked) page.deltas.mark();
    } else if (encoding == Encoding::rle_dictionary) {
        const ByteView codes = ByteView(values).first(values.size() - word_room);
        if (codes.empty()) return bad_page("codes without a width");
        TRY(page.codes, RowRuns::decode(codes.subspan(1), codes[0], count));
    } else {
        if (values.size() != count * sizeof(double) + word_room)
            return bad_page("numbers of another size than their rows");
        page.plain = std::move(values);
    }
    return {};
}

}  // namespace

Result<ColumnPage> ColumnPage::open(ByteView bytes, const FooterColumn& column,
                                    const ChunkPlace& place, Decompressor& zstd, bool marked) {
    ColumnPage page;
    page.rows = place.rows;
    TRY(auto next, next_page(bytes));
    if (next.first.type == dictionary_page) {
        TRY(page.dictionary, zstd.decompress(next.second, next.first.plain));
        TRY(next, next_page(bytes));
    }
    const auto& [header, body] = next;
    if (header.type != data_page_v2 || header.rows != place.rows || !bytes.empty())
        return bad_page("pages that we don't make");
    if (column.optional) {
        TRY(auto levels, RowRuns::decode(body.first(header.levels), 1, place.rows));
        page.present.emplace(std::move(levels));
    }
    TRY(Bytes values, values_of(header, body, zstd));
    // A column without any value is written as PLAIN, whatever else it would be.
    TRY_VOID(open_values(page, std::move(values), place.encoding, marked));
    return page;
}

std::size_t ColumnPage::bytes() const {
    return sizeof *this + deltas.bytes() + plain.size() + codes.bytes() + dictionary.size() +
           (present ? present->bytes() : 0);
}

}  // namespace mw::segments
