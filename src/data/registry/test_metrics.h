#pragma once
// For this module's tests only.

#include "base/metrics.h"

namespace mw::registry {

inline metrics::Registry& test_metrics() {
    static metrics::Registry registry;
    return registry;
}

}  // namespace mw::registry
