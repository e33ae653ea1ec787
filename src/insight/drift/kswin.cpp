#include "insight/drift/kswin.h"

#include <algorithm>
#include <cmath>

namespace mw::drift {

bool Kswin::update(double value) {
    if (detected_) *this = Kswin(options_);
    values_.push_back(value);
    if (values_.size() > options_.window) values_.pop_front();
    if (values_.size() < options_.window) return false;
    const std::size_t older = options_.window - options_.newest;
    std::vector<double> sampled, newest;
    for (const std::size_t i : random_.sample(older, options_.newest))
        sampled.push_back(values_[i]);
    newest.assign(values_.begin() + static_cast<std::ptrdiff_t>(older), values_.end());
    const double distance = ks_distance(sampled, newest);
    p_value_ = ks_p_value(distance, options_.newest);
    detected_ = p_value_ <= options_.alpha && distance > .1;
    return detected_;
}

double ks_distance(std::span<const double> a, std::span<const double> b) {
    if (a.empty() || b.empty()) return 0;
    std::vector<double> x(a.begin(), a.end()), y(b.begin(), b.end());
    std::sort(x.begin(), x.end());
    std::sort(y.begin(), y.end());
    double most = 0;
    std::size_t i = 0, j = 0;
    while (i < x.size() && j < y.size()) {
        const double at = std::min(x[i], y[j]);
        while (i < x.size() && x[i] <= at) ++i;
        while (j < y.size() && y[j] <= at) ++j;
        most = std::max(most, std::abs(static_cast<double>(i) / static_cast<double>(x.size()) -
                                       static_cast<double>(j) / static_cast<double>(y.size())));
    }
    return most;
}

// By reflection: 2 * sum over k of (-1)^(k-1) C(2n, n - k h) / C(2n, n), from the inside out.
double ks_p_value(double distance, std::size_t n) {
    const auto h = static_cast<std::size_t>(std::lround(distance * static_cast<double>(n)));
    if (h == 0) return 1;
    double sum = 0;
    for (std::size_t k = n / h + 1; k-- > 0;) {
        double ratio = 1;
        for (std::size_t j = 0; j < h; ++j)
            ratio *= (static_cast<double>(n) - static_cast<double>(k * h + j)) /
                     static_cast<double>(n + k * h + j + 1);
        sum = ratio * (1 - sum);
    }
    return std::clamp(2 * sum, 0.0, 1.0);
}

}  // namespace mw::drift
