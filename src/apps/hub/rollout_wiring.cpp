#include "apps/hub/rollout_wiring.h"

#include "business/approvals/approvals.h"
#include "domain/each_resource.h"
#include "fleet/gates/gates.h"

namespace mw::hub {
namespace {

ResourceStore::Deed deed_of(policy::Verb verb) {
    if (verb == policy::Verb::create) return ResourceStore::Deed::create;
    if (verb == policy::Verb::remove) return ResourceStore::Deed::remove;
    return ResourceStore::Deed::replace;
}

}  // namespace

RolloutWiring::RolloutWiring(Parts parts)
    : parts_(parts),
      observations_(parts.engine, parts.registry),
      rollouts_({.loop = parts.loop,
                 .store = parts.registry,
                 .observations = observations_,
                 .metrics = parts.metrics,
                 .consent =
                     [this](Resource rollout, std::vector<std::string> roles) {
                         return consent(std::move(rollout), std::move(roles));
                     },
                 .may_roll_out =
                     [this](Resource artifact) { return may_roll_out(std::move(artifact)); }}),
      evidence_(parts.engine),
      trials_({parts.loop, parts.registry, evidence_}) {}

Task<> RolloutWiring::start() {
    CO_TRY_VOID(co_await rollouts_.start());
    co_return co_await trials_.start();
}

Task<> RolloutWiring::stop() {
    co_await trials_.stop();
    co_return co_await rollouts_.stop();
}

void RolloutWiring::on_health(const std::string& device, const Json& report) {
    if (const auto boots = find_integer(report, "boots")) rollouts_.on_boots(device, *boots);
}

// Every role that the rollout names, by others than who made the version.
Task<rollouts::Consent> RolloutWiring::consent(Resource rollout, std::vector<std::string> roles) {
    const std::string kind = find_string(rollout.spec, "artifact.kind").value_or("");
    const std::string name = find_string(rollout.spec, "artifact.name").value_or("");
    CO_TRY(const Resource artifact, co_await parts_.registry.get(kind, name));
    approvals::Subject subject{"Rollout", rollout.name};
    CO_TRY(const std::vector<Resource> given,
           co_await approvals::approvals_of(parts_.registry, subject));
    const auto verdict = approvals::judge(given, subject, rollout.generation, "rollout", roles,
                                          find_string(artifact.status, "author").value_or(""));
    co_return rollouts::Consent{verdict.given, verdict.rejected, verdict.says};
}

Task<> RolloutWiring::may_roll_out(Resource artifact) {
    std::vector<Resource> gates;
    auto visit = [&gates](Resource gate) { gates.push_back(std::move(gate)); };
    CO_TRY_VOID(co_await each_resource(parts_.registry, "GateSpec", visit));
    co_return gates::may_roll_out(artifact, gates);
}

void RolloutWiring::admit_into(api::Admission& admission) {
    admission["Rollout"] = [this](policy::AdmissionRequest request) {
        auto may = [this](Resource artifact) { return may_roll_out(std::move(artifact)); };
        return rollouts::admit_rollout(parts_.registry, std::move(may), deed_of(request.deed),
                                       std::move(request.wanted), std::move(request.stored));
    };
    admission["Trial"] = [](policy::AdmissionRequest request) {
        return rollouts::refuse_trial(deed_of(request.deed), std::move(request.wanted));
    };
}

}  // namespace mw::hub
