#pragma once
// The states of a Monitor (docs/formats/state-machines.md). Pure.

#include "base/state_table.h"

namespace mw::monitors {

const StateTable& monitor_table();

}  // namespace mw::monitors
