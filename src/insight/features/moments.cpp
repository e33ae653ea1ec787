#include "insight/features/moments.h"

#include <algorithm>
#include <cmath>

namespace mw::features {
namespace {

constexpr std::size_t lanes = 4;

double joined(const double (&sums)[lanes]) { return (sums[0] + sums[1]) + (sums[2] + sums[3]); }

// Sums of `term(i)` for all i below n.
template <class Term>
double lane_sum(std::size_t n, Term term) {
    double sums[lanes] = {0, 0, 0, 0};
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes)
        for (std::size_t j = 0; j < lanes; ++j) sums[j] += term(i + j);
    for (; i < n; ++i) sums[0] += term(i);
    return joined(sums);
}

struct PowerSums {
    double first[lanes] = {}, second[lanes] = {}, third[lanes] = {}, fourth[lanes] = {};
    void add(std::size_t lane, double d) {
        const double square = d * d;
        first[lane] += d;
        second[lane] += square;
        third[lane] += square * d;
        fourth[lane] += square * square;
    }
};

}  // namespace

double mean_of(std::span<const double> values) {
    const double sum = lane_sum(values.size(), [&](std::size_t i) { return values[i]; });
    return sum / static_cast<double>(values.size());
}

Extremes extremes_of(std::span<const double> values) {
    double low[lanes], high[lanes];
    std::fill(low, low + lanes, values[0]);
    std::fill(high, high + lanes, values[0]);
    std::size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes)
        for (std::size_t j = 0; j < lanes; ++j) {
            low[j] = values[i + j] < low[j] ? values[i + j] : low[j];
            high[j] = values[i + j] > high[j] ? values[i + j] : high[j];
        }
    for (; i < values.size(); ++i) {
        low[0] = std::min(low[0], values[i]);
        high[0] = std::max(high[0], values[i]);
    }
    return {*std::min_element(low, low + lanes), *std::max_element(high, high + lanes)};
}

Moments moments_of(std::span<const double> values) {
    const auto n = static_cast<double>(values.size());
    const double near = mean_of(values);  // the mean but for its rounding
    PowerSums sums;
    std::size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes)
        for (std::size_t j = 0; j < lanes; ++j) sums.add(j, values[i + j] - near);
    for (; i < values.size(); ++i) sums.add(0, values[i] - near);
    Moments m = moments_about(near, joined(sums.first) / n, joined(sums.second) / n,
                              joined(sums.third) / n, joined(sums.fourth) / n);
    m.mean = near;
    return m;
}

// `off` is how far the true mean lies from `near`.
Moments moments_about(double near, double off, double s2, double s3, double s4) {
    Moments m;
    m.mean = near + off;
    m.second = std::max(0.0, s2 - off * off);
    m.third = s3 - 3 * off * s2 + 2 * off * off * off;
    m.fourth = std::max(0.0, s4 - 4 * off * s3 + 6 * off * off * s2 - 3 * off * off * off * off);
    m.mean_square = near * near + 2 * near * off + s2;
    return m;
}

double deviation_of(const Moments& moments, std::size_t count) {
    if (count < 2) return 0;
    const auto n = static_cast<double>(count);
    return std::sqrt(moments.second * n / (n - 1));
}

namespace {

// A moment over a power of the deviation.
double standardised(double moment, const Moments& m, double power) {
    if (m.second <= 1e-30 * m.mean_square) return 0;
    return moment / std::pow(m.second, power);
}

}  // namespace

double skewness_of(const Moments& moments) { return standardised(moments.third, moments, 1.5); }

double kurtosis_of(const Moments& moments) { return standardised(moments.fourth, moments, 2); }

double crest_of(const Extremes& extremes, const Moments& moments) {
    const double largest = std::max(std::abs(extremes.min), std::abs(extremes.max));
    return largest > 0 ? largest / std::sqrt(moments.mean_square) : 0;
}

double quantile_in(std::span<double> values, double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(below);
    std::nth_element(values.begin(), at, values.end());
    const double low = *at, rest = place - static_cast<double>(below);
    if (rest == 0) return low;
    return low + rest * (*std::min_element(at + 1, values.end()) - low);
}

double ewma_of(std::span<const double> values, double weight) {
    double sum = 0, total = 0, share = 1;
    for (std::size_t i = values.size(); i-- > 0;) {
        sum += share * values[i];
        total += share;
        share *= 1 - weight;
    }
    return sum / total;
}

std::size_t crossings_of(std::span<const double> values, double mean) {
    std::size_t crossings = 0;
    for (std::size_t i = 1; i < values.size(); ++i)
        crossings += (values[i] >= mean) != (values[i - 1] >= mean);
    return crossings;
}

double slope_of(std::span<const double> times, std::span<const double> values) {
    const double time_mean = mean_of(times), mean = mean_of(values);
    const double joint = lane_sum(
        values.size(), [&](std::size_t i) { return (times[i] - time_mean) * (values[i] - mean); });
    const double spread = lane_sum(values.size(), [&](std::size_t i) {
        return (times[i] - time_mean) * (times[i] - time_mean);
    });
    return spread > 0 ? joint / spread : 0;
}

double counted_in(std::span<const double> values) {
    double counted = 0;
    for (std::size_t i = 1; i < values.size(); ++i)
        counted += values[i] >= values[i - 1] ? values[i] - values[i - 1] : values[i];
    return counted;
}

double correlation_of(std::span<const double> a, std::span<const double> b) {
    const std::size_t n = a.size();
    const double mean_a = mean_of(a), mean_b = mean_of(b);
    const auto sum = [&](auto term) { return lane_sum(n, term); };
    const double joint = sum([&](std::size_t i) { return (a[i] - mean_a) * (b[i] - mean_b); });
    const double of_a = sum([&](std::size_t i) { return (a[i] - mean_a) * (a[i] - mean_a); });
    const double of_b = sum([&](std::size_t i) { return (b[i] - mean_b) * (b[i] - mean_b); });
    // What is left of a constant is rounding: a correlation of it would be noise.
    const auto still = [n](double squares, double mean) {
        return squares <= 1e-24 * mean * mean * static_cast<double>(n);
    };
    if (still(of_a, mean_a) || still(of_b, mean_b)) return 0;
    return std::clamp(joint / std::sqrt(of_a * of_b), -1.0, 1.0);
}

}  // namespace mw::features
