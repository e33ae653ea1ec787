#include "fleet/rollouts/admission.h"

#include "domain/each_resource.h"
#include "domain/story.h"
#include "fleet/rollouts/machine.h"
#include "fleet/rollouts/plan.h"

namespace mw::rollouts {
namespace {

Error refuse(Errc code, std::string message) { return {code, std::move(message)}; }

Task<Resource> artifact_of(ResourceStore& store, Resource rollout) {
    const std::string kind = find_string(rollout.spec, "artifact.kind").value_or("");
    const std::string name = find_string(rollout.spec, "artifact.name").value_or("");
    auto artifact = co_await store.get(kind, name);
    if (!artifact && artifact.error().code == Errc::not_found)
        co_return refuse(Errc::invalid_input, "spec.artifact.name: there is no " + kind + " '" +
                                                  name + "'. Next step: push it first");
    co_return artifact;
}

// The first device that both selectors choose, if any.
Task<std::string> shared_device(ResourceStore& store, std::string selector, Selector other) {
    ListQuery query;
    query.kind = "Device";
    query.label_selector = std::move(selector);
    for (;;) {
        CO_TRY(const ResourcePage page, co_await store.list(query));
        for (const Resource& device : page.items)
            if (matches_labels(other, device.labels)) co_return std::string(device.name);
        if (page.continue_from.empty()) co_return std::string();
        query.continue_from = page.continue_from;
    }
}

Task<> check_overlap(ResourceStore& store, std::string name, Plan plan) {
    std::vector<Resource> active;
    auto visit = [&](Resource r) {
        if (r.name != name && !rollout_table().is_final(state_of(r, rollout_table())))
            active.push_back(std::move(r));
    };
    CO_TRY_VOID(co_await each_resource(store, "Rollout", visit));
    for (const Resource& other : active) {
        auto artifact = co_await artifact_of(store, other);
        if (!artifact) continue;
        const auto theirs = plan_of(other, *artifact);
        if (!theirs || theirs->aim.shelf != plan.aim.shelf ||
            theirs->aim.product != plan.aim.product)
            continue;
        CO_TRY(const std::string device,
               co_await shared_device(store, plan.selector_text, theirs->selector));
        if (device.empty()) continue;
        co_return refuse(Errc::conflict,
                         "spec.selector: rollout '" + other.name + "' of " + plan.aim.product +
                             " is under way on '" + device +
                             "' too. Next step: let it end, or millwright rollout abort " +
                             other.name);
    }
    co_return Result<>{};
}

Task<> check_fresh(ResourceStore& store, MayRollOut may, Resource wanted) {
    CO_TRY(const Resource artifact, co_await artifact_of(store, wanted));
    CO_TRY_VOID(co_await may(artifact));
    CO_TRY(Plan plan, plan_of(wanted, artifact));
    co_return co_await check_overlap(store, wanted.name, std::move(plan));
}

Json frozen_part(const Resource& rollout) {
    Json spec = rollout.spec;
    for (const char* key : {"paused", "abort", "resume_after_inconclusive"})
        spec.get_object().erase(key);
    return spec;
}

}  // namespace

Task<> want_validated(Resource artifact) {
    if (artifact.kind != "ModelVersion") co_return Result<>{};
    const std::string state = find_string(artifact.status, "state").value_or("registered");
    if (state == "validated") co_return Result<>{};
    const std::string why = find_string(artifact.status, "reason").value_or("");
    if (state == "refused")
        co_return refuse(Errc::conflict,
                         "spec.artifact: '" + artifact.name + "' was refused by its gate" +
                             (why.empty() ? "" : ": " + why) +
                             ". Next step: millwright gate report " + artifact.name);
    co_return refuse(Errc::conflict, "spec.artifact: '" + artifact.name + "' is " + state +
                                         ", not validated. Next step: millwright gate run");
}

Task<Resource> admit_rollout(ResourceStore& store, MayRollOut may, ResourceStore::Deed deed,
                             Resource wanted, std::optional<Resource> stored) {
    const StateTable& table = rollout_table();
    if (deed == ResourceStore::Deed::remove) {
        const auto at = state_of(stored ? *stored : wanted, table);
        if (!table.is_final(at))
            co_return refuse(Errc::conflict, "rollout '" + wanted.name + "' is " + std::string(at) +
                                                 "; only one that has ended can be deleted. Next "
                                                 "step: millwright rollout abort " +
                                                 wanted.name);
        co_return wanted;
    }
    const std::string_view at = stored ? state_of(*stored, table) : table.initial();
    if (!stored || at == state::waiting_approval) {
        CO_TRY_VOID(co_await check_fresh(store, std::move(may), wanted));
        co_return wanted;
    }
    if (stored->spec == wanted.spec) co_return wanted;
    if (table.is_final(at))
        co_return refuse(Errc::conflict, "rollout '" + wanted.name + "' is " + std::string(at) +
                                             ": it has ended and can't be changed");
    if (frozen_part(*stored) != frozen_part(wanted))
        co_return refuse(Errc::conflict,
                         "spec: a rollout that has started can't be changed, but "
                         "for paused, abort and resume_after_inconclusive");
    if (find_bool(stored->spec, "abort").value_or(false) &&
        !find_bool(wanted.spec, "abort").value_or(false))
        co_return refuse(Errc::conflict, "spec.abort: it is going back already");
    co_return wanted;
}

Task<Resource> refuse_trial(ResourceStore::Deed deed, Resource wanted) {
    if (deed == ResourceStore::Deed::remove) co_return wanted;
    co_return refuse(Errc::denied,
                     "a Trial is written by the hub only. Next step: millwright "
                     "rollout start --mode ab or --mode shadow");
}

}  // namespace mw::rollouts
