#pragma once
// Changes many Device resources, each by itself, several in flight so that the store's group commit
// works. Control loop. What can't be done now is left for the next call: everything is idempotent.

#include <string>
#include <vector>

#include "domain/resource_store.h"
#include "fleet/rollouts/aim.h"
#include "platform/loop/loop.h"

namespace mw::rollouts {

struct Errand {
    Aim aim;
    Timestamp planned_at;
    std::int64_t wave = 0;
    bool withdraw = false;
    std::vector<std::string> devices;
};
struct Tally {
    std::uint64_t changed = 0;
    std::uint64_t skipped = 0;  // nothing to do: it has it, it is gone, or a person changed it
    std::uint64_t refused = 0;  // the store said no; the first reason is kept
    std::string reason;
};

inline constexpr std::size_t writes_in_flight = 128;

// Fails only when the store does (io_failed, cancelled).
Task<Tally> run_errand(Loop& loop, ResourceStore& store, Errand errand);

}  // namespace mw::rollouts
