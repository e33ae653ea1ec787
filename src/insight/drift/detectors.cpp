#include "insight/drift/detectors.h"

#include <algorithm>
#include <cmath>

namespace mw::drift {

bool PageHinkley::update(double value) {
    if (detected_) *this = PageHinkley(options_);
    mean_ += (value - mean_) / static_cast<double>(++n_);
    sum_ = std::max(0.0, options_.alpha * sum_ + value - mean_ - options_.delta);
    detected_ = n_ >= options_.values_min && sum_ >= options_.threshold;
    return detected_;
}

bool Ddm::update(bool wrong) {
    if (detected_) *this = Ddm(options_);
    rate_ += ((wrong ? 1 : 0) - rate_) / static_cast<double>(++n_);
    warning_ = false;
    if (n_ <= options_.warm_start) return false;
    const double deviation = std::sqrt(rate_ * (1 - rate_) / static_cast<double>(n_));
    const double sum = rate_ + deviation;
    if (!least_sum_ || sum <= *least_sum_) {
        least_sum_ = sum;
        least_rate_ = rate_;
        least_deviation_ = deviation;
    }
    detected_ = sum > least_rate_ + options_.drift * least_deviation_;
    warning_ = !detected_ && sum > least_rate_ + options_.warning * least_deviation_;
    return detected_;
}

double HddmA::bound(double n) const {
    return std::sqrt(std::log(1 / options_.drift_confidence) / (2 * n));
}

bool HddmA::update(double value) {
    if (detected_) *this = HddmA(options_);
    all_.n += 1;
    all_.value += (value - all_.value) / all_.n;
    if (least_.n == 0) least_ = most_ = all_;
    if (least_.value + bound(least_.n) >= all_.value + bound(all_.n)) least_ = all_;
    if (most_.value - bound(most_.n) <= all_.value - bound(all_.n)) most_ = all_;
    detected_ =
        rose(options_.drift_confidence) || (options_.two_sided && fell(options_.drift_confidence));
    warning_ = !detected_ && (rose(options_.warning_confidence) ||
                              (options_.two_sided && fell(options_.warning_confidence)));
    return detected_;
}

// Hoeffding: the mean up to the least one against the mean of everything.
bool HddmA::rose(double confidence) const {
    if (least_.n == all_.n) return false;
    const double m = 1 / least_.n - 1 / all_.n;
    return all_.value - least_.value >= std::sqrt(m / 2 * std::log(2 / confidence));
}

bool HddmA::fell(double confidence) const {
    if (most_.n == all_.n) return false;
    const double m = 1 / most_.n - 1 / all_.n;
    return most_.value - all_.value >= std::sqrt(m / 2 * std::log(2 / confidence));
}

}  // namespace mw::drift
