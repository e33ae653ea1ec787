#pragma once
// Rollups: one row per series and minute, computed while the rows of a points file go by in order,
// so in constant memory (docs/formats/segment.md, "Rollups").

#include <memory>
#include <optional>

#include "data/segments/file_rows.h"

namespace mw::segments {

// For COPY, scanned once. `rows` outlives it; `failure` keeps what went wrong underneath.
std::shared_ptr<const duckdb::TableSource> rollup_source(std::vector<FileSeries> series,
                                                         FileRows& rows,
                                                         std::optional<Error>& failure);

}  // namespace mw::segments
