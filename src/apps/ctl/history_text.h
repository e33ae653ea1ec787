#pragma once
// What GET /v1/history/stats says, for a terminal. Pure.

#include <string>

#include "apps/ctl/table.h"

namespace mw::ctl {

Table history_tables(const Json& figures);
std::string history_summary(const Json& figures);  // lines
// What POST /v1/history/verify says.
std::string verdict_text(const Json& report, std::size_t width);

}  // namespace mw::ctl
