#pragma once
// Stored points as their operators see them, for the API; apps/hub connects data/history to it.
// Control loop.

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "platform/loop/loop.h"

namespace mw::api {

class HistoryDesk {
 public:
    virtual ~HistoryDesk() = default;

    // {"head":{...},"tables":[{"table","files",...}],...} (docs/formats/http-api.md)
    virtual Task<Json> stats() = 0;
    // Seals and compacts now. {"finished":false}: it goes on behind, `wait` was too short.
    virtual Task<Json> compact(nanoseconds wait) = 0;
    // Reads every file: {"sound":true,"files":n,"damaged":[{"path","why",...}],...}
    virtual Task<Json> verify() = 0;
    struct Deletion {
        std::string device;
        std::optional<Timestamp> from = {}, to = {};  // event times, inclusive
    };
    // {"points":n,"decisions":n}, when they are gone from the files.
    virtual Task<Json> remove(Deletion deletion) = 0;
};

}  // namespace mw::api
