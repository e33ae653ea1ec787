#pragma once
// Does a signal tremble more, or less, than it used to? Causal: the mean step of the last 16 points
// against that of about the last 512. One wild step counts at most as the limit allows, so a lone
// spike is no noise. What is strange does not teach, until it has lasted for 512 points: then it is
// how the signal is now.

#include <cstdint>

namespace mw::quality {

class NoiseTracker {
 public:
    // True when the recent steps are more than k times as large as the former, or less than a k-th.
    // Always learns.
    bool judge(double step, double k) { return ratio(step, k) > k; }
    // How many times larger, or smaller: at least 1; 0 while there is too little to compare.
    double ratio(double step, double k);

 private:
    double recent_ = 0;
    double former_ = 0;
    std::uint16_t learned_ = 0;  // steps so far, up to the memory's length
    std::uint16_t strange_ = 0;  // points in a row
};

}  // namespace mw::quality
