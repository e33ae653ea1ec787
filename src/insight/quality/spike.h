#pragma once
// Is a point a lone outlier? Causal and robust: its residual is the distance to the median of the
// last five values or to the last one, whichever is nearer; the deviation a mean of residuals in
// which each counts at most as the limit allows (Huber 1964), over about the last 32. A new level
// is accepted with its second point.

#include <array>
#include <cstdint>
#include <limits>

namespace mw::quality {

class SpikeTracker {
 public:
    // True when the value lies further than k robust deviations from the level. Always learns.
    bool judge(double value, double k) {
        const Distance found = measure(value, k);
        return found.residual > k * found.unit;
    }
    // How many robust deviations away; 0 while there is too little to compare.
    double ratio(double value, double k) {
        const Distance found = measure(value, k);
        return found.residual / found.unit;
    }
    // After a gap the level may be anywhere; the deviation stays.
    void forget_level() { filled_ = 0; }

 private:
    struct Distance {
        double residual = 0;
        double unit = 1;
    };
    Distance measure(double value, double k);
    double level() const;

    std::array<double, 5> recent_{};
    std::uint8_t filled_ = 0;
    std::uint8_t at_ = 0;
    std::uint16_t learned_ = 0;  // residuals so far, up to the memory's length
    double mean_residual_ = 0;
    double last_ = 0;
    // The smallest step seen: a signal of steps moves by a few of them without being a spike.
    double resolution_ = std::numeric_limits<double>::infinity();
};

}  // namespace mw::quality
