#pragma once
// Trainers that learn from labels or a target signal. Reached through train().

#include "insight/detectors/train.h"

namespace mw::detectors {

// boosted: the probability of a label, or |target - predicted| in units of its threshold; ridge:
// the latter. The options have their defaults. Validated on the last fifth of the time.
Result<Trained> train_supervised(const std::vector<Recording>& recordings,
                                 const TrainOptions& options, inference::Engine& engine);

}  // namespace mw::detectors
