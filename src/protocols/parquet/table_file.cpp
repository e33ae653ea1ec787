#include "protocols/parquet/table_file.h"

#include <algorithm>
#include <cmath>

#include "protocols/parquet/page.h"

namespace mw::parquet {
namespace {

// The values of a page at the places of its rows.
Result<> visit_page(const PageValues& page, const Leaf& leaf, std::size_t first_row,
                    const TableFile::Visit& visit) {
    std::size_t next = 0;
    const double divisor = std::pow(10.0, leaf.scale);  // exact: at most 10^18
    const bool far = leaf.meaning == Meaning::unsigned_ && leaf.type == Physical::int64;
    for (std::size_t i = 0; i < page.rows; ++i) {
        TableFile::Cell cell;
        cell.row = first_row + i;
        if (page.present.empty() || page.present[i] != 0) {
            const Values& values = page.values;
            if (!values.integers.empty() && leaf.meaning == Meaning::decimal) {
                cell.number = static_cast<double>(values.integers[next]) / divisor;
            } else if (!values.integers.empty()) {
                const std::int64_t integer = values.integers[next];
                cell.integer = integer;
                cell.number = far ? static_cast<double>(static_cast<std::uint64_t>(integer))
                                  : static_cast<double>(integer);
            } else if (!values.numbers.empty()) {
                cell.number = values.numbers[next];
            } else {
                cell.text = values.texts[next];
            }
            ++next;
        }
        TRY_VOID(visit(cell));
    }
    return {};
}

}  // namespace

Result<TableFile> TableFile::open(ByteView bytes, const TableLimits& limits) {
    TRY(Metadata metadata, read_metadata(bytes));
    if (metadata.rows > limits.rows_max)
        return Error{Errc::invalid_input, "the file has " + std::to_string(metadata.rows) +
                                              " rows, at most " + std::to_string(limits.rows_max) +
                                              " are read; write it in parts"};
    return TableFile(bytes, std::move(metadata), limits);
}

std::optional<std::size_t> TableFile::find(std::string_view name) const {
    const auto& leaves = metadata_.leaves;
    const auto found = std::ranges::find_if(
        leaves, [&](const Leaf& leaf) { return !leaf.nested && leaf.name == name; });
    if (found == leaves.end()) return std::nullopt;
    return static_cast<std::size_t>(found - leaves.begin());
}

std::string_view TableFile::key_value(std::string_view key) const {
    for (const auto& [name, value] : metadata_.key_values)
        if (name == key) return value;
    return {};
}

Result<> TableFile::read(std::size_t column, const Visit& visit) const {
    const Leaf& leaf = metadata_.leaves.at(column);
    const std::string where = "column '" + leaf.name + "'";
    if (leaf.nested) return Error{Errc::invalid_input, where + " is nested; write it flat"};
    if (leaf.type == Physical::int96 || leaf.type >= Physical::fixed)
        return Error{Errc::invalid_input,
                     where +
                         " is of a type that is not read (INT96, FIXED); write it as INT64, "
                         "DOUBLE or TIMESTAMP"};
    std::size_t first_row = 0;
    for (const GroupFacts& group : metadata_.groups) {
        auto read = read_chunk(leaf, group.chunks[column], group.rows, first_row, visit);
        if (!read) return std::move(read).error().context(where);
        first_row += group.rows;
    }
    return {};
}

Result<> TableFile::read_chunk(const Leaf& leaf, const ChunkFacts& chunk, std::uint64_t rows,
                               std::size_t first_row, const Visit& visit) const {
    if (chunk.type != leaf.type || chunk.begin > bytes_.size() ||
        chunk.size > bytes_.size() - chunk.begin)
        return Error{Errc::invalid_input, "a part of it is outside of the file"};
    PageReader pages(bytes_.subspan(chunk.begin, chunk.size), leaf, chunk.codec,
                     limits_.page_bytes_max);
    for (std::uint64_t done = 0; done < rows;) {
        TRY(const PageValues* page, pages.next(rows - done));
        TRY_VOID(visit_page(*page, leaf, first_row + done, visit));
        done += page->rows;
    }
    return {};
}

}  // namespace mw::parquet
