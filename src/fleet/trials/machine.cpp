#include "fleet/trials/machine.h"

namespace mw::trials {
namespace {

constexpr Transition rows[] = {
    {"running", "looked", "running", "champion and challenger are compared once more"},
    {"running", "won", "better", "the challenger is better, beyond chance"},
    {"running", "lost", "worse", "the challenger is worse, beyond chance, or broke a guardrail"},
    {"running", "drew", "no_difference",
     "a difference that would matter was looked for, not found"},
    {"running", "unclear", "inconclusive", "too few devices or labels to tell"},
    {"running", "stopped", "stopped", "a person gave up the rollout"},
};
constexpr StateTable table{"Trial", rows};

}  // namespace

const StateTable& trial_table() { return table; }

}  // namespace mw::trials
