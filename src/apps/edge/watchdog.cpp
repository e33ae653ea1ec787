#include "apps/edge/watchdog.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "platform/net/net.h"

namespace mw::edge {

nanoseconds watchdog_every() {
    const char* text = std::getenv("WATCHDOG_USEC");
    std::int64_t microseconds = 0;
    if (!text) return nanoseconds{0};
    const char* end = text + std::strlen(text);
    const auto [at, code] = std::from_chars(text, end, microseconds);
    if (code != std::errc() || at != end || microseconds <= 0) return nanoseconds{0};
    return nanoseconds{microseconds * 1000 / 2};
}

Task<> feed_watchdog(nanoseconds every) {
    if (every == nanoseconds{0}) co_return Result<>{};
    for (;;) {
        ignore(net::notify_service_manager("WATCHDOG=1"), "systemd restarts us, as it should");
        CO_TRY_VOID(co_await sleep_for(every));
    }
}

}  // namespace mw::edge
