#pragma once
// Use cases as text for a terminal. Pure.

#include <string>

#include "base/json.h"

namespace mw::ctl {

// status.kpis as a table, and a sentence for each.
std::string kpi_table(const JsonArray& kpis, std::size_t width);
// What a stage needs before it is left (GET /v1/use-cases/{name}/review).
std::string review_text(const Json& review);
std::string ranking_text(const JsonArray& ranked, std::size_t width);

}  // namespace mw::ctl
