#pragma once
// Backups of the hub as those who run it ask for them, for the API; apps/hub connects data/backup
// to it. Control loop.

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "platform/loop/loop.h"

namespace mw::api {

class BackupDesk {
 public:
    virtual ~BackupDesk() = default;

    struct Order {
        std::string directory;  // on the hub's machine, absolute, marked as one for backups
        bool keys = true;
        std::uint64_t bytes_per_second = 0;  // 0: as fast as it can
    };
    // Whether it could begin now. conflict: one is being made; not_found: no such directory.
    virtual Task<> admit(Order order) = 0;
    virtual Task<> start(Order order) = 0;
    // {"running":{...} or null,"last":{...} or null}, once none is being made or after `wait`.
    virtual Task<Json> state(nanoseconds wait) = 0;
    // The one that is being made ends, and nothing of it stays. not_found: there is none.
    virtual Task<> stop() = 0;
};

}  // namespace mw::api
