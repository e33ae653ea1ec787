#include "insight/quality/noise.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mw::quality {
namespace {

constexpr std::uint16_t recent_steps = 16;
constexpr std::uint16_t former_steps = 512;
constexpr std::uint16_t steps_to_compare = 128;

}  // namespace

double NoiseTracker::ratio(double step, double k) {
    const double size = std::abs(step);
    const double most = learned_ < recent_steps || former_ <= 0 ? std::numeric_limits<double>::max()
                                                                : 2 * std::max(k, 2.0) * former_;
    const double counted = std::min(size, most);
    if (learned_ < former_steps) ++learned_;
    recent_ += (counted - recent_) / std::min(learned_, recent_steps);
    double found = 0;
    if (learned_ >= steps_to_compare && former_ > 0 && recent_ > 0)
        found = std::max(recent_ / former_, former_ / recent_);
    if (found <= k) {
        strange_ = 0;
        former_ += (counted - former_) / learned_;
    } else if (++strange_ == former_steps) {
        strange_ = 0;
        former_ = recent_;
    }
    return found;
}

}  // namespace mw::quality
