#include "insight/drift/adwin.h"

#include <cmath>

namespace mw::drift {

bool Adwin::update(double value) {
    if (detected_) *this = Adwin(options_);
    window_.insert(value);
    if (++ticks_ % options_.clock != 0 || width() <= options_.grace) return false;
    // At the first cut that differs the oldest bucket goes, and all are looked at again.
    const auto cut = [this](const auto& older, const auto& newer) { return differs(older, newer); };
    while (!window_.empty() && window_.any_cut(cut)) {
        window_.drop_oldest();
        detected_ = true;
    }
    return detected_;
}

bool Adwin::differs(const Buckets::Part& older, const Buckets::Part& newer) const {
    const double least = options_.part_min;
    if (older.n < least || newer.n < least) return false;
    const double d = std::log(2 * std::log(width()) / options_.delta);
    const double m = 1 / (older.n - least + 1) + 1 / (newer.n - least + 1);
    const double variance = window_.all().spread / width();
    return std::abs(older.mean() - newer.mean()) >
           std::sqrt(2 * m * variance * d) + 2.0 / 3 * d * m;
}

}  // namespace mw::drift
