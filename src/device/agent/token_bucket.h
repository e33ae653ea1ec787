#pragma once
// How fast something may go: so many bytes a second, with a burst. A message may go while the
// bucket is not in debt, and may leave it in debt: so that large messages pass, and the mean holds.
// Pure.

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace mw::agent {

class TokenBucket {
 public:
    // bytes_per_second 0: no limit.
    void set(std::uint64_t bytes_per_second, std::uint64_t burst_bytes, SteadyTime now) {
        if (bytes_per_second == rate_ && burst_bytes == burst_) return;
        rate_ = bytes_per_second;
        burst_ = burst_bytes;
        tokens_ = static_cast<double>(burst_bytes);
        filled_ = now;
    }
    bool limits() const { return rate_ > 0; }
    std::uint64_t bytes_per_second() const { return rate_; }
    // Zero: now.
    nanoseconds wait(SteadyTime now) {
        if (rate_ == 0) return nanoseconds{0};
        fill(now);
        if (tokens_ >= 0) return nanoseconds{0};
        return nanoseconds{static_cast<std::int64_t>(-tokens_ / static_cast<double>(rate_) * 1e9) +
                           1};
    }
    void spend(std::uint64_t bytes, SteadyTime now) {
        if (rate_ == 0) return;
        fill(now);
        tokens_ -= static_cast<double>(bytes);
    }

 private:
    void fill(SteadyTime now) {
        const double passed = static_cast<double>((now - filled_).count()) / 1e9;
        filled_ = now;
        tokens_ =
            std::min(static_cast<double>(burst_), tokens_ + passed * static_cast<double>(rate_));
    }
    std::uint64_t rate_ = 0, burst_ = 0;
    double tokens_ = 0;
    SteadyTime filled_{};
};

}  // namespace mw::agent
