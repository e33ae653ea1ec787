#include "insight/quality/spike.h"

#include <algorithm>
#include <cmath>

namespace mw::quality {
namespace {

constexpr std::uint16_t memory = 32;
constexpr std::uint16_t warm_up = 16;    // residuals before the first verdict
constexpr std::uint16_t clip_after = 8;  // residuals before a wild one is tamed
constexpr double clip_least = 6;
constexpr double deviations_per_mean = 1.2533;  // normal noise: sigma = sqrt(pi/2) E|x|

}  // namespace

SpikeTracker::Distance SpikeTracker::measure(double value, double k) {
    Distance found;
    if (filled_ == recent_.size()) {
        // On a ramp the level lags, and the last value is nearer.
        const double step = std::abs(value - last_);
        const double residual = std::min(std::abs(value - level()), step);
        const double unit = std::max(deviations_per_mean * mean_residual_, resolution_);
        if (learned_ >= warm_up && residual > 0) found = {residual, unit};
        const double most = learned_ >= clip_after ? std::max(k, clip_least) * unit
                                                   : std::numeric_limits<double>::max();
        if (learned_ < memory) ++learned_;
        mean_residual_ += (std::min(residual, most) - mean_residual_) / learned_;
        if (step > 0) resolution_ = std::min(resolution_, step);
    } else {
        ++filled_;
    }
    last_ = value;
    recent_[at_] = value;
    at_ = static_cast<std::uint8_t>((at_ + 1) % 5);
    return found;
}

// Median of five in six comparisons (Knuth, TAOCP 3, 5.3.3).
double SpikeTracker::level() const {
    double a = recent_[0], b = recent_[1], c = recent_[2], d = recent_[3];
    const double e = recent_[4];
    const auto order = [](double& low, double& high) {
        const double least = std::min(low, high);
        high = std::max(low, high);
        low = least;
    };
    order(a, b);
    order(c, d);
    const double low = std::max(a, c);   // drops the least of four
    const double high = std::min(b, d);  // drops the greatest of four
    return std::max(std::min(low, high), std::min(std::max(low, high), e));
}

}  // namespace mw::quality
