#pragma once
// What people's answers say about how well a model decides: a decline, and the inputs of its price.
// Pure.

#include <optional>
#include <string>
#include <vector>

#include "domain/resource.h"
#include "insight/statistics/statistics.h"

namespace mw::monitors {

struct Answered {
    Timestamp time;
    std::string device;
    bool decision = false;
    bool label = false;
    double propensity = 1;
};

// SQL over the table labels; oldest first.
std::string answers_sql(const std::string& model, const std::string& version);
// From a query's JSON. corrupt: other columns than asked for.
Result<std::vector<Answered>> answers_from(std::string_view query_json);

struct Decline {
    std::size_t labels = 0;
    double error_rate = 0;  // of all, weighted by 1/propensity
    bool declined = false;
    std::string by;                // "ADWIN", "Page-Hinkley"
    double before = 0, after = 0;  // share of wrong decisions, on either side of `since`
    Timestamp since;
};
// ADWIN and Page-Hinkley over right and wrong in time order, answers about one device within an
// hour taken together; a rise counts. The latest stands.
Decline decline_of(const std::vector<Answered>& answers);

// Those from `from` on. Events of one device within an hour of each other are one incident.
std::vector<statistics::LabelledWindow> windows_of(const std::vector<Answered>& answers,
                                                   Timestamp from);

// What the gate measured (ModelVersion.status.gate): shares of rows, each as sure as the number of
// independent incidents allows. Nothing when it was not measured.
std::optional<statistics::Outcomes> gate_outcomes(const Resource& version);

}  // namespace mw::monitors
