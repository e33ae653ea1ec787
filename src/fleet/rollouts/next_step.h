#pragma once
// What a rollout does next, given all that is known. Pure: the controller only carries it out.

#include <optional>
#include <string>

#include "fleet/rollouts/machine.h"
#include "fleet/rollouts/progress.h"
#include "fleet/rollouts/verdict.h"

namespace mw::rollouts {

struct Consent {
    bool given = false;
    bool refused = false;
    std::string says;
};

struct Situation {
    std::string_view state;
    const Plan& plan;
    const Progress& progress;
    const Counts& counts;
    Timestamp now;
    std::optional<Consent> consent{};      // asked for in waiting_approval
    std::optional<std::string> refusal{};  // why the version may not be rolled out; planned
    std::optional<Judgement> judgement{};  // of history, when it was asked
};

struct Step {
    enum class Deed {
        wait,      // nothing until something changes, or `due`
        consent,   // ask for it
        assign,    // devices of the wave
        withdraw,  // devices that have it
        observe,   // ask history, at `look`
        move,      // to the next state by `event`
    } deed = Deed::wait;
    std::string_view event{};
    std::string says{};
    Look look{};
    std::optional<Timestamp> due{};
    Progress progress{};              // after a move
    std::vector<Reading> readings{};  // that came up, for the status
};

// How often thresholds are asked for between looks, at most.
inline constexpr nanoseconds watch_every_least = seconds{10};

// Whether the time to install is over.
bool silence_fails(const Progress& progress, const Plan& plan, Timestamp now);
// `watched`: when history was last asked between looks.
Step next_step(const Situation& situation, Timestamp watched);

}  // namespace mw::rollouts
