#include "device/agent/anticipation.h"

#include <chrono>
#include <utility>

namespace mw::agent {
namespace {

constexpr nanoseconds before = microseconds{1500};  // timers may be a millisecond late
constexpr nanoseconds after = microseconds{1500};
constexpr nanoseconds gap_max = milliseconds{200};  // slower plants have time
constexpr nanoseconds gap_min = 2 * before;         // quicker ones keep the caches warm themselves
constexpr nanoseconds deviation_max = milliseconds{1};
constexpr nanoseconds windows_apart_min = milliseconds{250};
constexpr int smoothing = 8;

}  // namespace

void Anticipation::took(SteadyTime now, std::size_t rows, bool decided, bool next_decides) {
    due_.reset();
    if (decided) decided_at_ = now;
    const auto before_it = std::exchange(row_at_, now);
    if (!before_it || rows != 1) return;
    const nanoseconds gap = now - *before_it;
    const nanoseconds off = std::chrono::abs(gap - gap_);
    // The first rows, or another rhythm.
    if (off > gap_ / 2) {
        gap_ = gap;
        deviation_ = deviation_max * smoothing;
        return;
    }
    gap_ += (gap - gap_) / smoothing;
    deviation_ += (off - deviation_) / smoothing;
    const bool regular = gap_ >= gap_min && gap_ <= gap_max && deviation_ <= deviation_max;
    if (!next_decides || !regular || !decided_at_) return;
    const SteadyTime expected = now + gap_;
    if (expected - *decided_at_ < windows_apart_min) return;
    due_ = Span{now + (gap_ - before), expected + after};
}

}  // namespace mw::agent
