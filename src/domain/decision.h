#pragma once
// What a model on a device decided about one window: enough to answer "why" later.

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "domain/point.h"

namespace mw {

struct Decision {
    DeviceId device;
    StreamPosition position;
    std::string asset;
    std::string use_case;
    std::string model;
    std::string version;
    std::string bundle_hash;  // SHA-256, hex
    Timestamp window_from;
    Timestamp window_to;  // event time of the last sample: the decision's own time
    std::uint32_t samples = 0;
    Quality inputs_quality;
    double score = 0;
    bool decision = false;
    std::string fallback;  // empty: the model decided; else why it did not
    double latency_us = 0;
};

// The wire form of docs/formats/decision.md.
Json to_json(const Decision& decision);
Result<Decision> decision_from_json(const Json& value);

}  // namespace mw
