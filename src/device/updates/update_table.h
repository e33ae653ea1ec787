#pragma once
// How one artifact of a device is updated, as a table (docs/formats/state-machines.md). Pure.

#include "base/state_table.h"

namespace mw::updates {

const StateTable& update_table();

}  // namespace mw::updates
