#include "insight/pipeline/slow_level.h"

#include <algorithm>

namespace mw::pipeline {

SlowLevel::SlowLevel(Baseline baseline, std::size_t width) : baseline_(baseline) {
    if (baseline_.rate <= 0) return;
    levels_.resize(width);
    newest_.resize(width);
    left_.resize(width);
}

std::span<const float> SlowLevel::subtract(std::span<const float> scaled) {
    if (baseline_.rate <= 0) return scaled;
    std::copy(scaled.begin(), scaled.end(), newest_.begin());
    if (seen_ == 0) std::copy(scaled.begin(), scaled.end(), levels_.begin());
    for (std::size_t i = 0; i < scaled.size(); ++i)
        left_[i] = static_cast<float>(double{scaled[i]} - levels_[i]);
    return left_;
}

// A state that lasts longer than `frozen_max` frames has been told to people; it is the new normal
// or will be repaired.
void SlowLevel::settle(bool alarmed) {
    if (baseline_.rate <= 0) return;
    frozen_ = alarmed ? frozen_ + (frozen_ < UINT32_MAX) : 0;
    if (alarmed && (baseline_.frozen_max == 0 || frozen_ <= baseline_.frozen_max)) return;
    if (static_cast<double>(seen_) * baseline_.rate < 1) ++seen_;
    const double rate = std::max(baseline_.rate, 1 / static_cast<double>(seen_));
    for (std::size_t i = 0; i < levels_.size(); ++i)
        levels_[i] += rate * (double{newest_[i]} - levels_[i]);
}

void SlowLevel::reset() {
    std::fill(levels_.begin(), levels_.end(), 0.0);
    seen_ = frozen_ = 0;
}

void SlowLevel::restore(std::vector<double> levels, std::uint32_t seen, std::uint32_t frozen) {
    levels_ = std::move(levels);
    seen_ = seen;
    frozen_ = frozen;
}

}  // namespace mw::pipeline
