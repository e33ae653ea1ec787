#pragma once
// Quantiles of training scores.

#include <algorithm>
#include <cmath>
#include <vector>

namespace mw::detectors {

// Linear between order statistics (Hyndman and Fan 1996, type 7).
inline double quantile_of(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const double rest = place - static_cast<double>(below);
    const double next = values[std::min(below + 1, values.size() - 1)];
    return values[below] + rest * (next - values[below]);
}

// Split-conformal: the least score such that a new one of the same kind is above it with at most
// 1 - share of chance, whatever its distribution (Vovk 2005). The largest where there are too few.
inline double conformal_of(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    const auto n = static_cast<double>(values.size());
    const auto rank = static_cast<std::size_t>(std::ceil((n + 1) * share - 1e-9));
    const std::size_t at = std::clamp<std::size_t>(rank, 1, values.size()) - 1;
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at),
                     values.end());
    return values[at];
}

}  // namespace mw::detectors
