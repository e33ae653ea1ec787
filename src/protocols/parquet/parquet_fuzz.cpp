// Any bytes as a file: refused, or read inside their bounds.
#include "base/assert.h"
#include "protocols/parquet/parquet.h"
#include "protocols/parquet/snappy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw;
    using namespace mw::parquet;
    const ByteView bytes(data, size);
    if (size > 2) ignore(unpack_snappy(bytes.subspan(2), data[0] | data[1] << 8), "may be refused");
    const TableLimits limits{10'000, std::size_t{1} << 20};
    const auto file = TableFile::open(bytes, limits);
    if (!file) return 0;
    for (std::size_t column = 0; column < file->columns().size() && column < 16; ++column) {
        std::size_t seen = 0;
        const auto read = file->read(column, [&](const TableFile::Cell& cell) -> Result<> {
            ASSERT(cell.row == seen++);
            return {};
        });
        if (read) ASSERT(seen == file->rows());
    }
    return 0;
}
