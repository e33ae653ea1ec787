#pragma once
// Decisions as a table source for COPY. Scanned once, on the worker that seals; `rows` outlive it.

#include <memory>
#include <string>
#include <vector>

#include "data/duckdb/duckdb.h"
#include "data/history/history.h"

namespace mw::segments {

std::shared_ptr<const duckdb::TableSource> decisions_source(
    const std::vector<history::DecisionRow>& rows);
// What COPY is told of their file.
std::string decisions_copy_options();

}  // namespace mw::segments
