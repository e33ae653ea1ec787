#pragma once
// SlowLevel: the slow baseline that is subtracted from a frame's scaled features (spec.h,
// Baseline). The trainer runs the same code over its rows, so that the threshold knows what is
// left.

#include <span>
#include <vector>

#include "insight/pipeline/spec.h"

namespace mw::pipeline {

class SlowLevel {
 public:
    SlowLevel(Baseline baseline, std::size_t width);

    // What is left of the features above their level. Empty pipelines pass them through.
    std::span<const float> subtract(std::span<const float> scaled);
    // After the decision about the features last given: the level goes on, or stays frozen.
    void settle(bool alarmed);
    void reset();

    const std::vector<double>& levels() const { return levels_; }
    std::uint32_t seen() const { return seen_; }
    std::uint32_t frozen() const { return frozen_; }
    void restore(std::vector<double> levels, std::uint32_t seen, std::uint32_t frozen);

 private:
    Baseline baseline_;
    std::vector<double> levels_;
    std::vector<float> newest_;
    std::vector<float> left_;
    std::uint32_t seen_ = 0;    // frames in the level, counted up to 1 / rate
    std::uint32_t frozen_ = 0;  // frames since it froze
};

}  // namespace mw::pipeline
