#pragma once
// The rows that a KPI's SQL gave: one a day, or whatever else it groups by. Pure.

#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace mw::kpi {

struct Day {
    Timestamp at;
    double value = 0;
    double exposure = 1;
};

// From a query's JSON answer; in order of time. Rows without a value are left out. invalid_input
// says which column is missing or wrong, and in which row.
Result<std::vector<Day>> days_from(const Json& answer, bool with_exposure);

// How far the rows are apart: the median; a day when there is only one.
nanoseconds spacing_of(const std::vector<Day>& days);

}  // namespace mw::kpi
