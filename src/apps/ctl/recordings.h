#pragma once
// Rows for a trainer out of a query's CSV. Pure.

#include <string_view>
#include <vector>

#include "insight/detectors/detectors.h"

namespace mw::ctl {

// CSV with the header t,device,signal,value,quality, sorted by device and t (ns since 1970), one
// line per point. One recording per device, its signals in the order asked for; cells that have no
// point are NaN. Doubles are read back bit by bit. Errors name the line.
Result<std::vector<detectors::Recording>> recordings_from_csv(
    std::string_view csv, const std::vector<std::string>& signals);

}  // namespace mw::ctl
