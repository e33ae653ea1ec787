#pragma once
// KSWIN (Raab, Heusinger, Schleif 2020): the newest values of a window against a random sample of
// the older ones, by the two-sample Kolmogorov-Smirnov test. Assumes independent values.

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "insight/drift/mersenne.h"

namespace mw::drift {

struct KswinOptions {
    double alpha = .005;
    std::size_t window = 100;
    std::size_t newest = 30;  // at most half of the window
    std::uint32_t seed = 42;
};

class Kswin {
 public:
    explicit Kswin(KswinOptions options = {}) : options_(options), random_(options.seed) {}
    // True: drift. The next update starts afresh, with the generator seeded anew.
    bool update(double value);
    double p_value() const { return p_value_; }

 private:
    KswinOptions options_;
    MersenneTwister random_;
    std::deque<double> values_;
    double p_value_ = 1;
    bool detected_ = false;
};

// The largest distance between the two empirical distributions.
double ks_distance(std::span<const double> a, std::span<const double> b);
// Exact two-sided p of that distance for two samples of the same size n.
double ks_p_value(double distance, std::size_t n);

}  // namespace mw::drift
