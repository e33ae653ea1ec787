#pragma once
// What a KPI's days say: an entry of UseCase.status.kpis. Pure.

#include <string>
#include <vector>

#include "business/kpi/days.h"
#include "business/kpi/kpi_spec.h"

namespace mw::kpi {

struct Reading {
    JsonObject entry;  // of status.kpis
    bool known = false;
    statistics::MeanInterval now;  // when known
};

// `seed` fixes the bootstrap: the same days give the same figures.
Reading read_kpi(const KpiSpec& spec, std::vector<Day> days, Timestamp at,
                 const std::string& currency, std::uint64_t seed = 1);
// The same from a query's JSON answer; what is wrong with it is in the entry.
Reading read_answer(const KpiSpec& spec, const std::string& answer, Timestamp at,
                    const std::string& currency);
// What is written when the days could not be had.
JsonObject failed_kpi(const KpiSpec& spec, const Error& error, Timestamp at);

}  // namespace mw::kpi
