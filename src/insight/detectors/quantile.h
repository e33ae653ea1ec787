#pragma once
// Quantile by linear interpolation between order statistics (Hyndman and Fan 1996, type 7).

#include <algorithm>
#include <vector>

namespace mw::detectors {

inline double quantile_of(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const double rest = place - static_cast<double>(below);
    const double next = values[std::min(below + 1, values.size() - 1)];
    return values[below] + rest * (next - values[below]);
}

}  // namespace mw::detectors
