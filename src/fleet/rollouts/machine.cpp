#include "fleet/rollouts/machine.h"

namespace mw::rollouts {
namespace {

constexpr Transition rows[] = {
    {"waiting_approval", "approved", "planned", "every role that must agree has agreed"},
    {"waiting_approval", "rejected", "aborted", "a role said no; no device was touched"},
    {"waiting_approval", "aborted", "aborted", "a person gave up; no device was touched"},
    {"planned", "started", "rolling", "devices are chosen and ordered; the first wave begins"},
    {"planned", "empty", "aborted", "the selector matches no device that can take it"},
    {"planned", "refused", "aborted", "the version may not be rolled out any more"},
    {"planned", "aborted", "aborted", "a person gave up; no device was touched"},
    {"rolling", "assigned", "installing", "every device of the wave wants the version"},
    {"rolling", "worse", "rolling_back", "a guardrail broke while the wave was assigned"},
    {"rolling", "aborted", "rolling_back", "a person gave up"},
    {"rolling", "paused", "paused", "a person holds it"},
    {"installing", "installed", "soaking", "every device has reported, or its time is over"},
    {"installing", "worse", "rolling_back", "too many did not install it, or they crash"},
    {"installing", "aborted", "rolling_back", "a person gave up"},
    {"installing", "paused", "paused", "a person holds it"},
    {"soaking", "looked", "soaking", "a look at canary and control that decided nothing"},
    {"soaking", "soaked", "judging", "the wave has run long enough"},
    {"soaking", "worse", "rolling_back", "a guardrail broke: no need to wait for the end"},
    {"soaking", "aborted", "rolling_back", "a person gave up"},
    {"soaking", "paused", "paused", "a person holds it"},
    {"judging", "passed", "rolling", "not worse: the next wave begins"},
    {"judging", "finished", "completed", "not worse, and it was the last wave"},
    {"judging", "compared", "rolling_back", "a shadow has been compared and is taken away again"},
    {"judging", "worse", "rolling_back", "worse than the control"},
    {"judging", "unclear", "inconclusive", "too few devices to tell; a person decides"},
    {"judging", "aborted", "rolling_back", "a person gave up"},
    {"inconclusive", "resumed", "judging", "a person lets the wave pass; guardrails still count"},
    {"inconclusive", "worse", "rolling_back", "a guardrail broke meanwhile"},
    {"inconclusive", "aborted", "rolling_back", "a person gave up"},
    {"paused", "resumed", "rolling", "goes on in the wave where it was"},
    {"paused", "worse", "rolling_back", "a guardrail broke: holding does not switch them off"},
    {"paused", "aborted", "rolling_back", "a person gave up"},
    {"rolling_back", "withdrawn", "rolled_back", "every device wants what it ran before"},
    {"rolling_back", "undone", "aborted", "the same, because a person gave up"},
    {"rolling_back", "cleared", "completed", "the shadow is off every device"},
};

constexpr StateTable table{"Rollout", rows};

}  // namespace

const StateTable& rollout_table() { return table; }

}  // namespace mw::rollouts
