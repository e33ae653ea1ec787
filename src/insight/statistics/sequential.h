#pragma once
// Looking more than once without fooling oneself.

#include <vector>

namespace mw::statistics {

// z values at evenly spaced looks 1..looks; at or above is significant. Two-sided bounds hold for
// |z|. Computed by recursive integration (Armitage, McPherson and Rowe 1969); 1 to 50 looks.
std::vector<double> obrien_fleming_bounds(int looks, double alpha, bool two_sided);
std::vector<double> pocock_bounds(int looks, double alpha, bool two_sided);

// Mixture sequential probability ratio of a difference of means against 0, n per arm, variance
// sigma2, mixing variance tau2 (Johari et al. 2022). p is 1/lambda, at most 1, and valid whenever
// one looks, if the smallest so far is kept.
struct SequentialRatio {
    double lambda = 1;
    double p = 1;
};
SequentialRatio msprt(double difference, double n_per_arm, double sigma2, double tau2);

// Half width of the asymptotic confidence sequence for a mean (Waudby-Smith et al. 2024).
double confidence_sequence_half_width(double n, double sigma, double rho, double alpha);

// E-value of a t statistic: the Bayes factor of a normal effect with deviation `spread` (in
// standard deviations of one unit) against none, under the right Haar prior on the scale; its mean
// is 1 when there is no effect. `units` is 1/(1/n1 + 1/n2). One-sided: effects above zero only.
double student_e_value(double t, double degrees, double units, double spread, bool two_sided);

}  // namespace mw::statistics
