#pragma once
// What people may do to a Rollout; asked by the API before a write. Control loop.

#include <functional>
#include <optional>

#include "domain/resource_store.h"

namespace mw::rollouts {

// Why a version may not be rolled out, if so: an error for people.
using MayRollOut = std::function<Task<>(Resource artifact)>;
// Asks for ModelVersion.status.state "validated"; a Firmware has no gate.
Task<> want_validated(Resource artifact);

// The spec is frozen once it has started, but for paused, abort and resume_after_inconclusive; one
// rollout of a product at a time on a device; only what has ended can be deleted. Gives `wanted`.
Task<Resource> admit_rollout(ResourceStore& store, MayRollOut may, ResourceStore::Deed deed,
                             Resource wanted, std::optional<Resource> stored);
// Trials are written by the hub only.
Task<Resource> refuse_trial(ResourceStore::Deed deed, Resource wanted);

}  // namespace mw::rollouts
