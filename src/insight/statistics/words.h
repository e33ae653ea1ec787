#pragma once
// Numbers as this module's sentences say them. Not part of the door.

#include <cstdio>
#include <string>

namespace mw::statistics {

inline std::string figure(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value == 0 ? 0 : value);
    return text;
}

inline std::string percent(double share) { return figure(100 * share) + " %"; }

}  // namespace mw::statistics
