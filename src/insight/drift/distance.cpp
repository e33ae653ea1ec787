#include "insight/drift/distance.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/assert.h"

namespace mw::drift {
namespace {

constexpr double floor_share = 1e-4;

double total(std::span<const std::uint64_t> counts) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
}

}  // namespace

double psi(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current) {
    ASSERT(reference.size() == current.size());
    const double n = total(reference), m = total(current);
    if (n == 0 || m == 0) return 0;
    double sum = 0;
    for (std::size_t i = 0; i < reference.size(); ++i) {
        const double r = std::max(floor_share, static_cast<double>(reference[i]) / n);
        const double c = std::max(floor_share, static_cast<double>(current[i]) / m);
        sum += (c - r) * std::log(c / r);
    }
    return sum;
}

double jensen_shannon(std::span<const std::uint64_t> reference,
                      std::span<const std::uint64_t> current) {
    ASSERT(reference.size() == current.size());
    const double n = total(reference), m = total(current);
    if (n == 0 || m == 0) return 0;
    double sum = 0;
    for (std::size_t i = 0; i < reference.size(); ++i) {
        const double r = static_cast<double>(reference[i]) / n;
        const double c = static_cast<double>(current[i]) / m;
        const double middle = (r + c) / 2;
        if (r > 0) sum += r * std::log(r / middle) / 2;
        if (c > 0) sum += c * std::log(c / middle) / 2;
    }
    return std::max(0.0, sum);
}

double wasserstein(std::span<const double> a, std::span<const double> b) {
    if (a.empty() || b.empty()) return 0;
    std::vector<double> x(a.begin(), a.end()), y(b.begin(), b.end());
    std::sort(x.begin(), x.end());
    std::sort(y.begin(), y.end());
    double area = 0, before = std::min(x.front(), y.front());
    std::size_t i = 0, j = 0;
    while (i < x.size() || j < y.size()) {
        const bool from_x = j == y.size() || (i < x.size() && x[i] <= y[j]);
        const double at = from_x ? x[i] : y[j];
        area += (at - before) * std::abs(static_cast<double>(i) / static_cast<double>(x.size()) -
                                         static_cast<double>(j) / static_cast<double>(y.size()));
        before = at;
        (from_x ? i : j) += 1;
    }
    return area;
}

}  // namespace mw::drift
