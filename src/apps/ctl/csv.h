#pragma once
// One line of CSV into cells (RFC 4180: quoted cells may hold separators, quotes are doubled).

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mw::ctl {

Error at_line(std::size_t line, std::string_view what);
Result<std::vector<std::string>> csv_cells(std::string_view line, std::size_t number);

}  // namespace mw::ctl
