#pragma once
// How long a model that failed is let alone: doubles with each failure until it has done well for a
// while.

#include <algorithm>
#include <string>

#include "device/isolation/isolation.h"

namespace mw::isolation {

class Rest {
 public:
    void failed(SteadyTime now, std::string why) {
        why_ = std::move(why);
        until_ = now + next_;
        next_ = std::min(next_ * 2, rest_max);
        well_ = 0;
        ++failures_;
    }
    void did_well() {
        if (++well_ == calls_to_trust) next_ = rest_first;
        why_.clear();
    }
    bool resting(SteadyTime now) const { return !why_.empty() && now < until_; }
    std::uint64_t failures() const { return failures_; }
    const std::string& why() const { return why_; }

    Error error(SteadyTime now) const {
        return {Errc::overloaded, why_ + "; asked again in " + to_text(left(now))};
    }

 private:
    nanoseconds left(SteadyTime now) const {
        return (until_ - now + seconds{1} - nanoseconds{1}) / seconds{1} * seconds{1};
    }

    std::string why_;  // empty: it works
    SteadyTime until_;
    nanoseconds next_ = rest_first;
    std::uint64_t well_ = 0, failures_ = 0;
};

}  // namespace mw::isolation
