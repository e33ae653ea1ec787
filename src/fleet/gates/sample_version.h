#pragma once
// For this module's tests only.

#include <string>

#include "domain/resource.h"

namespace mw::gates {

inline Resource version_in(const std::string& state, const std::string& gated_bundle = "b") {
    Resource version;
    version.kind = "ModelVersion";
    version.name = "pump--2";
    version.spec = JsonObject{{"model", "pump"}, {"version", "2"}, {"bundle", "b"}};
    version.status = JsonObject{{"state", state},
                                {"reason", "f1 is 0.77, limit >= 0.8"},
                                {"gate", {{"bundle", gated_bundle}}}};
    return version;
}

}  // namespace mw::gates
