#pragma once
// Rows of a generation as table sources for COPY. Each is scanned once, on the worker that seals.

#include <memory>
#include <vector>

#include "data/duckdb/duckdb.h"
#include "data/history/history.h"

namespace mw::segments {

struct PointsPlan;  // what a first pass over the points found: names, divisors

// Reads a copy of `points` to the end: the names that occur become enumerations (Parquet
// dictionaries without hashing a single row), each series gets its divisor.
std::shared_ptr<const PointsPlan> plan(history::SortedPoints points);
std::size_t device_count(const PointsPlan& plan);

// `points` outlives the source.
std::shared_ptr<const duckdb::TableSource> points_source(std::shared_ptr<const PointsPlan> plan,
                                                         history::SortedPoints& points);
std::shared_ptr<const duckdb::TableSource> decisions_source(
    const std::vector<history::DecisionRow>& rows);

}  // namespace mw::segments
