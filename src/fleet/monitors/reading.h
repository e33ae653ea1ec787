#pragma once
// A Monitor's spec as plain data, and what a reading of its fleet looks like in its status. Pure.

#include <optional>
#include <string>
#include <vector>

#include "domain/resource.h"
#include "domain/selector.h"
#include "insight/drift/drift.h"

namespace mw::monitors {

struct Spec {
    std::string name;
    std::string use_case;
    std::string model;
    Selector selector;
    std::vector<std::string> strata;  // labels
    nanoseconds window{hours{1}};
    drift::FleetOptions fleet;
    double min_breadth = 0;
    double price_confidence = .9;
};
Result<Spec> spec_from(const Resource& monitor);

// "site=north", "site=north,hw=2", "all"; nothing: the monitor does not watch this device.
std::optional<std::string> stratum_of(const Spec& spec, const Resource& device);

// Does it count, by the spec's least breadth?
bool drifts(const Spec& spec, const drift::FleetReading& reading);
// Columns that drift, for comparing with what was acknowledged.
std::vector<std::string> drifting_columns(const drift::FleetReading& reading,
                                          const std::vector<std::string>& columns);

Json to_json(const drift::FleetReading& reading);
// One sentence: what differs, where, by how much, against which limit, on how many devices.
std::string in_words(const drift::FleetReading& reading);

// Baselines of strata in a status; those of another bundle are none.
drift::Baselines baselines_from(const Json& status, const std::string& bundle);
// With the strata of a quiet reading that have enough counts and no baseline yet; nothing when that
// adds none.
std::optional<Json> grown_baselines(const drift::Baselines& known, const std::string& bundle,
                                    const drift::FleetReading& quiet);

}  // namespace mw::monitors
