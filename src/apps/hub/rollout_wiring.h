#pragma once
// Connects rollouts and trials: history answers by SQL, approvals give consent, gates say which
// version may go, devices' health brings their restarts. Control loop.

#include "base/metrics.h"
#include "data/query/query.h"
#include "data/registry/registry.h"
#include "fleet/rollouts/rollouts.h"
#include "fleet/trials/trials.h"
#include "surface/api/api.h"

namespace mw::hub {

class RolloutWiring {
 public:
    struct Parts {  // all outlive it
        Loop& loop;
        registry::Registry& registry;
        QueryEngine& engine;
        metrics::Registry& metrics;
    };
    explicit RolloutWiring(Parts parts);

    Task<> start();
    Task<> stop();
    void admit_into(api::Admission& admission);
    // A device's health, before its status is written.
    void on_health(const std::string& device, const Json& report);

 private:
    Task<rollouts::Consent> consent(Resource rollout, std::vector<std::string> roles);
    Task<> may_roll_out(Resource artifact);

    Parts parts_;
    rollouts::SqlObservations observations_;
    rollouts::Rollouts rollouts_;
    trials::SqlEvidence evidence_;
    trials::Trials trials_;
};

}  // namespace mw::hub
