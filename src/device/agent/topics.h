#pragma once
// The agent's topics (docs/formats/topics.md). Pure.

#include <string>

#include "domain/point.h"

namespace mw::agent {

inline std::string topic_of(const DeviceId& device, std::string_view rest) {
    return "mw/v1/" + device.text + "/" + std::string(rest);
}

}  // namespace mw::agent
