#pragma once
// The states of a ModelVersion and what they allow. Pure.

#include <optional>
#include <vector>

#include "base/state_table.h"
#include "domain/resource.h"

namespace mw::gates {

const StateTable& version_table();

// Whether a ModelVersion may be given to devices by a rollout. `gates`: all GateSpecs; those of
// other models do not matter. conflict, with the failing row and the next step: it was refused, is
// being measured, is retired, or its model has a gate that it has not passed with this bundle.
Result<> may_roll_out(const Resource& version, const std::vector<Resource>& gates);

// Before a person's write: the bundle of a version that stands cannot be exchanged (conflict).
Result<> admit_version(const Resource& wanted, const std::optional<Resource>& stored);

}  // namespace mw::gates
