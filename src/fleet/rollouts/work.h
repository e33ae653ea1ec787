#pragma once
// What the controller holds of one rollout while it runs. Inside fleet/rollouts only.

#include "fleet/rollouts/population.h"
#include "fleet/rollouts/rollouts.h"

namespace mw::rollouts {

struct Rollouts::Work {
    Resource rollout;  // the newest that was seen
    bool gone = false;
    std::optional<Plan> plan;
    Resource artifact;
    Progress progress;
    bool counted_in = false;  // the population has been read
    Population population;
    Timestamp planned_at{};
    Timestamp watched{};  // history was asked
    SteadyTime reported_at{};
    Json reported_counts;
    std::string problem;
    nanoseconds deciding{0};  // counting and deciding took so long, the last time
    Event poke;
};

}  // namespace mw::rollouts
