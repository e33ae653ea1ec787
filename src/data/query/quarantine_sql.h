#pragma once
// What the quarantine makes of points, as SQL over their columns. Pure. Only records that can touch
// what a reference wants are written into its statement, at most 1,000 of them.

#include <string>

#include "data/quarantine/quarantine.h"
#include "data/query/plan.h"

namespace mw::query {

constexpr std::size_t touching_records_max = 1000;

// Those that may cover a wanted point, newest first; none that a newer one hides.
quarantine::Records touching(const quarantine::Records& records, const Wanted& wanted);
// invalid_input: a reference meets more records than a statement may hold.
Result<> few_records(const std::vector<Wanted>& wanted, const Snapshot& snapshot);

// The quality of a point for readers, of the columns r.device, r.signal, r."time", r."value" and
// r.quality; "r.quality" when no record touches.
std::string quality_sql(const quarantine::Records& touching);
// The number of the record that decides about the point; 0: none.
std::string deciding_sql(const quarantine::Records& touching);
// Reason codes by name: a CASE over the column.
std::string reason_sql(const std::string& column);

// The rows of the table `quarantine`: `points` has deciding_sql() as column `decision` and the
// stored quality, `records` are those that it names.
std::string quarantine_sql(const std::string& points, const std::string& records);
extern const char* const no_quarantine;

}  // namespace mw::query
