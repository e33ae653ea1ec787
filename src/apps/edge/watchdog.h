#pragma once
// Tells systemd that the loop still turns (sd_watchdog_enabled(3)): WATCHDOG=1, twice in the time
// that the unit's WatchdogSec= allows. Ends at once where nobody watches.

#include "platform/loop/loop.h"

namespace mw::edge {

// How often to tell, from $WATCHDOG_USEC; zero: nobody watches.
nanoseconds watchdog_every();
Task<> feed_watchdog(nanoseconds every);

}  // namespace mw::edge
