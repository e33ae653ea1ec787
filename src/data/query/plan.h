#pragma once
// From a checked statement and a snapshot of history to the SQL that runs: each reference becomes a
// WITH query over exactly the files and head generations that can hold its rows. Pure, but for
// reading the snapshot and the ends of files.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/query/check.h"
#include "data/query/query.h"
#include "data/query/row_sources.h"
#include "data/segments/segments.h"

namespace mw::query {

// A reference with its conditions evaluated. Bounds may be wider than the statement's own WHERE,
// which still applies; the product's selection and what the actor may see are applied here.
struct Wanted {
    Table table = Table::points;
    std::string name;
    std::string internal;
    std::optional<std::vector<std::string>> devices;  // empty: no row can match
    std::optional<std::vector<std::string>> signals;
    Timestamp from = history::time_lowest;
    Timestamp to = history::time_highest;
    std::optional<Product> product;
    SightPtr sight;  // null: all is seen

    bool nothing() const;
};

// What one snapshot must cover to serve all of them; nullopt: no history is needed.
std::optional<history::Bounds> bounds_of(const std::vector<Wanted>& wanted);

// What the hub knows at the moment of the query; scorecard and labels only when a reference wants
// them.
struct Snapshot {
    history::HistorySnapshot history;
    std::shared_ptr<const quality::Scorecard> scorecard;
    std::shared_ptr<const labels::Labels> labels;
    Timestamp now = {};  // averages show stretches of time that are over
    std::shared_ptr<const quarantine::Records> quarantine;  // null: nothing was decided
};

struct Plan {
    std::string with;                 // "WITH __mw_ref0 AS NOT MATERIALIZED (...), ... " or empty
    std::vector<Source> sources;      // what __mw_rows(slot := i) gives
    std::vector<SourceFile> files{};  // of points that it reads
    std::uint64_t unsealed_rows = 0;
};
// Without `sealed` DuckDB reads all files; with it, it looks at their ends. On a worker.
Plan plan_of(const std::vector<Wanted>& wanted, const Snapshot& snapshot,
             const segments::SealedFiles* sealed = nullptr);

}  // namespace mw::query
