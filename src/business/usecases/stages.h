#pragma once
// The stages of a use case. Pure.

#include "base/state_table.h"
#include "domain/resource.h"

namespace mw::usecases {

const StateTable& stage_table();

// spec.stage, or where every use case begins.
std::string stage_of(const Resource& use_case);
// The one row that leads from one to the other; null: it takes more than one step.
const Transition* step_between(std::string_view from, std::string_view to);
// The first row of the shortest way; null: there is none, or it is there.
const Transition* first_step(std::string_view from, std::string_view to);
// Forward steps have to earn it.
bool is_forward(const Transition& row);

}  // namespace mw::usecases
