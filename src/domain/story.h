#pragma once
// How a resource moves through its state machine and remembers the way: status.state, status.reason
// and status.history (at most 60 steps, oldest dropped), which `describe` tells in order. Pure.

#include <string_view>

#include "base/state_table.h"
#include "domain/resource.h"

namespace mw {

inline constexpr std::size_t story_steps_max = 60;

// status.state, or the table's first state.
std::string_view state_of(const Resource& resource, const StateTable& table);

// The status keys after `event`, to be given to ResourceStore::merge_status; also applied to
// resource.status. conflict: the table has no such row. `says`: why, in one sentence for people.
Result<JsonObject> advance(Resource& resource, const StateTable& table, std::string_view event,
                           std::string_view says, Timestamp now);

}  // namespace mw
