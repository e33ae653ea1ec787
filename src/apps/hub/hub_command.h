#pragma once
// `millwright hub`: reads options, runs a hub until a signal. Wiring only.

#include "apps/hub/hub_check.h"
#include "apps/hub/hub_options.h"

namespace mw::hub {

Result<> run_hub(HubOptions options);
// Says what the options would do, and what is risky in them, without starting.
Result<std::vector<Finding>> check_options(HubOptions options);

}  // namespace mw::hub
