#pragma once
// ADWIN (Bifet and Gavalda, SDM 2007): a window that drops its old part when the means of any two
// parts of it differ by more than chance. Assumes independent values in [0, 1] or so: correlated
// streams go through a Watch. About 15 log2(W) numbers of memory.

#include <cstdint>

#include "insight/drift/buckets.h"

namespace mw::drift {

struct AdwinOptions {
    double delta = .002;  // confidence
    unsigned clock = 32;  // values between looks
    unsigned buckets_max = 5;
    unsigned part_min = 5;  // values on either side of a cut
    unsigned grace = 10;    // no look at a window up to this
};

class Adwin {
 public:
    explicit Adwin(AdwinOptions options = {}) : options_(options), window_(options.buckets_max) {}

    // True: drift. The next update starts afresh.
    bool update(double value);
    double width() const { return window_.all().n; }
    double mean() const { return window_.all().mean(); }

 private:
    bool differs(const Buckets::Part& older, const Buckets::Part& newer) const;

    AdwinOptions options_;
    Buckets window_;
    std::uint64_t ticks_ = 0;
    bool detected_ = false;
};

}  // namespace mw::drift
