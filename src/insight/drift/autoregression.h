#pragma once
// For this module's tests and benchmarks only.

#include <cmath>

#include "base/random.h"

namespace mw::drift {

// Standard normal values, each related to the one before by `r`.
class Ar {
 public:
    Ar(double r, Random& random) : r_(r), random_(random), x_(random.normal()) {}
    double next() { return x_ = r_ * x_ + std::sqrt(1 - r_ * r_) * random_.normal(); }

 private:
    double r_;
    Random& random_;
    double x_;
};

}  // namespace mw::drift
