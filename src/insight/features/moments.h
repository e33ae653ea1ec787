#pragma once
// Sums over one window in a fixed pattern of four lanes: the same bits for the same values,
// whatever came before, and no chain of dependent additions. Pure functions.

#include <cstddef>
#include <cstdint>
#include <span>

namespace mw::features {

struct Extremes {
    double min = 0, max = 0;
};

// Central moments of the population: the mean of (x - mean)^k.
struct Moments {
    double mean = 0, second = 0, third = 0, fourth = 0;
    double mean_square = 0;
};

double mean_of(std::span<const double> values);
Extremes extremes_of(std::span<const double> values);
// Two passes with the second one's own correction (Higham, Accuracy and Stability, 1.9): exact to
// rounding also far from zero.
Moments moments_of(std::span<const double> values);
// From the means of (x - near)^k, k = 1 to 4, about a point within the values' range.
Moments moments_about(double near, double first, double second, double third, double fourth);
double deviation_of(const Moments& moments,
                    std::size_t count);      // of the sample, n - 1
double skewness_of(const Moments& moments);  // 0 where nothing varies but rounding
double kurtosis_of(const Moments& moments);
double crest_of(const Extremes& extremes, const Moments& moments);

// Between order statistics (Hyndman and Fan 1996, type 7). Reorders the values.
double quantile_in(std::span<double> values, double share);
// Weight w for the last value, w (1 - w) for the one before, ...; normalised over the window.
double ewma_of(std::span<const double> values, double weight);
// How often the values go from below the mean to it or above, and back.
std::size_t crossings_of(std::span<const double> values, double mean);
// Least squares of values over times; 0 where the times don't differ.
double slope_of(std::span<const double> times, std::span<const double> values);
// What a counter has counted; where it falls it began again at 0.
double counted_in(std::span<const double> values);
// Pearson's; 0 where one of them never changes.
double correlation_of(std::span<const double> a, std::span<const double> b);

}  // namespace mw::features
