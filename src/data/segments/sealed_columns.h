#pragma once
// The columns that SQL sees of sealed files, each made of one or more stored ones.

#include <array>
#include <span>
#include <string_view>

#include "data/duckdb/duckdb.h"
#include "data/history/history.h"
#include "data/segments/group_reader.h"

namespace mw::segments {

// Rows [begin, end) of one series in the row group at hand.
struct RowPiece {
    const SeriesDirectory* directory = nullptr;
    const SeriesRows* series = nullptr;
    std::uint32_t begin = 0, end = 0;
    const std::int64_t* times = nullptr;  // of all rows of `series`, where times are wanted
    std::uint32_t size() const { return end - begin; }
};

struct SealedColumn {
    enum class Form : std::uint8_t {
        series,  // keys and names: the same for all rows of a piece
        device_id,
        text,
        time,       // of the row
        integer,    // INT64, delta encoded
        some_time,  // the same, or null
        null,       // of no row
        byte,       // INT32 in a dictionary
        scaled      // a stored integer above the series' divisor, or a stored double, or null
    };
    const char* name;
    duckdb::Kind kind;
    Form form;
    const char* stored = "";  // the stored column
    const char* raw = "";     // of doubles
    int text = 0;             // which of the directory's texts

    bool is_time() const { return form == Form::time; }
    // Stored columns that load() asks for; empty ones are none.
    std::array<std::string_view, 2> stored_columns() const { return {stored, raw}; }
    // What write() will need of the row group at hand.
    Result<> load(GroupReader& reader) const;
    // The piece's rows into column `at` of the chunk, from row `to` on.
    void write(const GroupReader& reader, const RowPiece& piece, duckdb::OutputChunk& out,
               std::size_t at, std::size_t to) const;
};

// As points_sql() and rollups_sql() give them.
std::span<const SealedColumn> sealed_columns(history::Table table);

}  // namespace mw::segments
