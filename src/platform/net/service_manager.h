#pragma once
// Tells systemd how we are (sd_notify(3)): "READY=1", "STOPPING=1". Does nothing where
// $NOTIFY_SOCKET is not set.

#include <string_view>

#include "base/result.h"

namespace mw::net {

Result<> notify_service_manager(std::string_view state);

}  // namespace mw::net
