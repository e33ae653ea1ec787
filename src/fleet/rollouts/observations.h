#pragma once
// What rollouts and trials must know of history, as an interface of their own; apps/hub answers it
// by SQL. Control loop.

#include <string>
#include <vector>

#include "fleet/rollouts/plan.h"
#include "platform/loop/loop.h"

namespace mw::rollouts {

// One device's figure over a period, made of `samples` windows (or rows of a KPI).
struct DeviceValue {
    std::string device;
    double value = 0;
    std::uint64_t samples = 0;
};

class Observations {
 public:
    virtual ~Observations() = default;

    struct Question {
        Metric metric = Metric::fallback_rate;
        std::string model;     // as decisions name it: "pump", "pump.shadow"
        std::string use_case;  // of metric kpi
        std::string kpi;
        Timestamp from, to;  // to is not included
    };
    // Devices without a sample in the period are left out.
    virtual Task<std::vector<DeviceValue>> values(Question question) = 0;
};

}  // namespace mw::rollouts
