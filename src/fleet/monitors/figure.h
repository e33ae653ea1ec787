#pragma once
// A number as this module's sentences say it. Inside fleet/monitors only.

#include <cmath>
#include <cstdio>
#include <string>

namespace mw::monitors {

inline std::string figure(double value) {
    char text[32];
    std::snprintf(text, sizeof text, std::abs(value) >= 1000 ? "%.0f" : "%.3g", value);
    return text;
}

}  // namespace mw::monitors
