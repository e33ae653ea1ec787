#pragma once
// Does a native model say what ONNX Runtime says? Tried on random rows, on rows that lie on and
// beside every kind of boundary, and on numbers that are none.

#include "base/clock.h"
#include "insight/native/native_model.h"

namespace mw::native {

// How close is the same: 0 for trees' bits, 1 for networks: within 1e-6 + 1e-5 * |y|; larger: as
// many times that. Not a number agrees with itself.
bool agrees(float ours, float theirs, float slack);

// The difference in words; empty: none was found. Stops after `most`, but not before a few rows.
Result<std::string> difference(NativeModel& ours, inference::Model& theirs, Clock& clock,
                               nanoseconds most);

}  // namespace mw::native
