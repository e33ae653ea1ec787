#pragma once
// A resource: the unit of control-plane state. Plain data.

#include <cstdint>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "domain/reach.h"

namespace mw {

struct Resource {
    std::string kind;  // "Device"
    std::string name;  // [a-z0-9][a-z0-9._-]{0,62}
    std::string domain = "default";
    Labels labels;
    Json spec = JsonObject{};      // what people or CI want
    Json status = JsonObject{};    // what controllers saw
    std::uint64_t generation = 0;  // grows when spec changes
    std::uint64_t revision = 0;    // grows with every write to any resource; opaque to clients
    Timestamp created;
    Timestamp updated;
};

Json to_json(const Resource& resource);
// Unknown top-level keys are errors; revision may be missing (create) or a string.
Result<Resource> resource_from_json(const Json& value);

}  // namespace mw
