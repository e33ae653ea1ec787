#pragma once
// An AlertRule resource, as the engine reads it.

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "domain/resource.h"

namespace mw::alerts {

using Labels = std::map<std::string, std::string>;  // of a device

struct AlertRule {
    std::string name;
    std::string model;
    std::string severity = "warning";  // info, warning, critical
    std::set<std::string> devices;     // empty: all
    Labels labels;                     // all must hold
    std::uint32_t raise_after = 1;     // consecutive positive decisions
    std::uint32_t clear_after = 1;     // consecutive negative decisions
    double min_score = -std::numeric_limits<double>::infinity();

    bool selects(const std::string& device, const Labels& device_labels) const;
    bool operator==(const AlertRule&) const = default;
};

// Errors name the path: "spec.raise_after: must be a whole number from 1 to 100000".
Result<AlertRule> rule_from_resource(const Resource& resource);

}  // namespace mw::alerts
