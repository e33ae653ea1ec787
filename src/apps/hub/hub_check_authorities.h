#pragma once
// The part of `millwright hub --check` about issuing authorities by purpose. Reads, and changes
// nothing.

#include "apps/hub/hub_check.h"

namespace mw::hub {

std::vector<Finding> look_at_authorities(const HubOptions& options, Timestamp now);

}  // namespace mw::hub
