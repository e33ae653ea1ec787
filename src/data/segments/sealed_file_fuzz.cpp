// Any bytes as the end of a file and as a column's chunk: refused, or read inside their bounds.
#include <algorithm>

#include "base/assert.h"
#include "data/segments/column_page.h"

namespace {

using namespace mw;
using namespace mw::segments;

// Whatever was opened can be read, all of it and in parts.
void read_column(const ColumnPage& page, std::uint32_t rows) {
    if (page.present) ASSERT(page.present->rank(rows) == page.present->values());
    if (const std::uint32_t count = page.deltas.count(); count > 0) {
        std::vector<std::int64_t> all(count), part(count);
        page.deltas.read_all(all.data());
        page.deltas.read(0, count, part.data());
        ASSERT(all == part);
        const std::uint32_t middle = count / 2;
        page.deltas.read(middle, count, part.data());
        ASSERT(std::equal(all.begin() + middle, all.end(), part.begin()));
    }
    if (!page.codes.all().empty()) ASSERT(page.codes.all().back().end == page.values());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    ignore(Footer::parse(bytes, 1 << 20), "bad footers are refused");
    if (size < 4) return 0;
    const std::uint32_t rows = 1 + (data[0] | data[1] << 8) % 5'000;
    constexpr Encoding encodings[] = {Encoding::plain, Encoding::delta_binary_packed,
                                      Encoding::rle_dictionary};
    const ChunkPlace place{0, size - 3, rows, encodings[data[2] % 3]};
    const FooterColumn column{"m", PhysicalType::int64, (data[2] & 64) != 0};
    Decompressor zstd;
    const auto page = ColumnPage::open(bytes.subspan(3), column, place, zstd, true);
    if (page) read_column(*page, rows);
    return 0;
}
