#pragma once
// What one look at a monitor means for its status. Pure: the same look gives the same status.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/resource_store.h"
#include "fleet/monitors/alert.h"
#include "fleet/monitors/sketch_index.h"

namespace mw::monitors {

// All that one look found.
struct Look {
    SketchIndex::Window window;
    Resource version;
    Resource use_case;
    std::shared_ptr<const pipeline::Reference> reference;
    drift::Baselines baselines;
    drift::FleetReading reading;
    std::vector<Answered> answers;
    Decline decline;
    Histogram latency_us;
    double windows_per_week = 0;
};

struct Verdict {
    JsonObject changes;  // of the status
    AuditNote note;
    bool alerts = false;  // the alert is new
};
// Nothing: it says what the status says already. `monitor` moves on.
Result<std::optional<Verdict>> judge(Resource& monitor, const Spec& spec, const Look& look,
                                     Timestamp now);

}  // namespace mw::monitors
