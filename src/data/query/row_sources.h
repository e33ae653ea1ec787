#pragma once
// What isn't in files, as table sources: the head's points and decisions, the series directory, the
// scorecard, the labels. Each holds its snapshot alive and never changes; any thread may scan it.

#include <memory>

#include "data/duckdb/duckdb.h"
#include "data/history/history.h"
#include "data/label_log/label_log.h"
#include "data/quarantine/quarantine.h"
#include "insight/quality/quality.h"

namespace mw::query {

using Source = std::shared_ptr<const duckdb::TableSource>;

enum class HeadRows {
    all,
    repeats,  // at least those that an older generation may hold too
};
// Columns as segments::points_sql() gives them.
Source head_points(std::shared_ptr<const history::HeadSnapshot> head,
                   history::ContextSnapshot context, HeadRows rows);
// Columns as segments::decisions_sql() gives them.
Source head_decisions(std::shared_ptr<const history::HeadSnapshot> head,
                      history::ContextSnapshot context);
Source series_rows(std::shared_ptr<const history::SeriesDirectory> series,
                   history::ContextSnapshot context);
// The newest value of each series that the snapshot has.
Source latest_rows(const history::HistorySnapshot& snapshot);
Source scorecard_rows(std::shared_ptr<const quality::Scorecard> scorecard);
Source label_rows(std::shared_ptr<const labels::Labels> labels);
// Records as number, verb, decided_by, why, decided_at.
Source record_rows(quarantine::Records records);

}  // namespace mw::query
