#pragma once
// Inside the module: how often one edge node is asked to be born again. At most once in `every`,
// and after each question that no birth answers half as often, down to once in `rarest`.

#include <algorithm>
#include <optional>

#include "base/clock.h"

namespace mw::sparkplug {

class RebirthLimit {
 public:
    RebirthLimit(nanoseconds every, nanoseconds rarest)
        : every_(every), rarest_(rarest), pause_(every) {}

    void want() { wanted_ = true; }
    void calm() { wanted_ = false; }
    void born() {
        wanted_ = false;
        pause_ = every_;
    }
    // When it may be asked; none when nobody wants to.
    std::optional<SteadyTime> due() const {
        return wanted_ ? std::optional(may_from_) : std::nullopt;
    }
    // It is asked now.
    void asked(SteadyTime now) {
        wanted_ = false;
        may_from_ = now + pause_;
        pause_ = std::min(rarest_, 2 * pause_);
    }

 private:
    nanoseconds every_, rarest_, pause_;
    bool wanted_ = false;
    SteadyTime may_from_{};
};

}  // namespace mw::sparkplug
