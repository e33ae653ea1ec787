#pragma once
// The desired document of a device (docs/formats/desired-reported.md). Pure functions.

#include <set>
#include <string>
#include <vector>

#include "domain/resource.h"
#include "fleet/convergence/releases.h"

namespace mw::convergence {

// A version that must be spoken of anew before a device can be told: its statement is missing, or
// the device knows one about another version that is as new.
struct Unsaid {
    std::string kind;
    std::string name;
    std::uint64_t floor = 0;  // the counter must be above this
};

struct Desired {
    Json document = JsonObject{};
    std::vector<std::string> problems;  // what of the spec could not be resolved, in words
    std::set<std::string> versions;     // the resources that it depends on
    std::vector<Unsaid> unsaid;         // while there are some, the document is not complete
};

// `before`: the document that was published last; null when it isn't known.
// `device_class`: of the device's profile; empty when it has none.
Desired desired_of(const Resource& device, const Releases& releases, const Json& before = {},
                   const std::string& device_class = {});

}  // namespace mw::convergence
