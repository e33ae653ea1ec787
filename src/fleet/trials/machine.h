#pragma once
// The states of a Trial. Pure.

#include "base/state_table.h"

namespace mw::trials {

const StateTable& trial_table();

}  // namespace mw::trials
