#pragma once
// What a row of numbers says: moments, dependence in time, ranks, many tests at once.

#include <cstddef>
#include <span>
#include <vector>

namespace mw::statistics {

double mean(std::span<const double> values);
double variance(std::span<const double> values);  // divided by n - 1; 0 below two values
double quantile(std::span<const double> values, double share);  // linear between order statistics

double autocorrelation(std::span<const double> values, std::size_t lag);
// How many independent values say as much about the mean as n with this lag-1 correlation (AR(1)).
double effective_sample_size(double n, double lag_1);
// Days that have to stay together in a block bootstrap of the mean (Politis and White 2004 with
// the correction of 2009), 1 to n/3.
std::size_t block_length(std::span<const double> values);

// CUPED: post - theta * pre has the least variance (Deng et al. 2013). 0 where pre is constant.
double cuped_theta(std::span<const double> pre, std::span<const double> post);

struct RankTest {
    double u = 0;  // of x
    double p_two_sided = 1;
    double p_greater = 1;  // x tends to be larger
};
// Mann-Whitney: exact without ties up to 400 pairs, else normal with tie and continuity correction.
RankTest mann_whitney(std::span<const double> x, std::span<const double> y);

// Benjamini and Hochberg: the adjusted p-values, in the order given. At or below the wanted false
// discovery rate means rejected.
std::vector<double> false_discovery_p(std::span<const double> p_values);

}  // namespace mw::statistics
