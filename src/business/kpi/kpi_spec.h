#pragma once
// One KPI as a UseCase's spec says it. Pure.

#include <optional>
#include <string>
#include <vector>

#include "domain/resource.h"
#include "insight/statistics/statistics.h"

namespace mw::kpi {

struct KpiSpec {
    std::string name;
    std::string sql;
    std::string unit;
    bool counts = false;  // events per exposure; else a level
    Timestamp baseline_from;
    Timestamp baseline_to;
    nanoseconds window = hours(672);
    nanoseconds every = hours(1);
    statistics::KpiTarget target;
    std::optional<double> money_per_unit;

    bool operator==(const KpiSpec& other) const;  // the same computation
};

Result<KpiSpec> kpi_spec_from(const Json& kpi);
// All of a UseCase; the error names the path.
Result<std::vector<KpiSpec>> kpi_specs_of(const Resource& use_case);

}  // namespace mw::kpi
