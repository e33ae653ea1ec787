#pragma once
// COPY of rows that come from files: merges and rollups. Opens its databases for one call and
// gives their memory back.

#include <cstdint>
#include <memory>
#include <string>

#include "data/duckdb/duckdb.h"
#include "data/segments/segments.h"

namespace mw::segments {

// What COPY is told: DuckDB's options for a file of this format.
std::string copy_options(const std::string& format, std::size_t row_group);
// Each row group repeats the dictionaries: with many devices, larger groups keep that under 1 %.
std::size_t row_group_for(std::size_t devices);

// COPY of `source` to a new file; the rows written.
Result<std::uint64_t> copy_rows(duckdb::Database& database, const std::string& path,
                                std::shared_ptr<const duckdb::TableSource> source,
                                const std::string& options);

}  // namespace mw::segments
