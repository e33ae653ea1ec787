#pragma once
// The desired document of a device (docs/formats/desired-reported.md). Pure functions.

#include <map>
#include <string>
#include <vector>

#include "domain/resource.h"

namespace mw::convergence {

// Names of ModelVersion resources: MODEL--VERSION.
std::string model_version_name(std::string_view model, std::string_view version);

struct Desired {
    Json document = JsonObject{};
    std::vector<std::string> problems;  // what of the spec could not be resolved, in words
};

// `versions`: the ModelVersion resources by name.
Desired desired_of(const Resource& device, const std::map<std::string, Resource>& versions);

}  // namespace mw::convergence
