#include "insight/features/window_sums.h"

#include <algorithm>
#include <cmath>

namespace mw::features {
namespace {

bool has_disjoint_rows(const Window& window) {
    if (!window.length.by_rows()) return false;
    if (window.kind == WindowKind::tumbling) return true;
    return window.kind == WindowKind::sliding && window.every.rows == window.length.rows;
}

bool is_extreme(Statistic s) {
    return s == Statistic::min || s == Statistic::max || s == Statistic::range ||
           s == Statistic::crest;
}

bool is_high(Statistic s) { return s == Statistic::skewness || s == Statistic::kurtosis; }

bool is_square(Statistic s) {
    return s == Statistic::deviation || s == Statistic::rms || s == Statistic::crest || is_high(s);
}

bool is_sum(Statistic s) { return s == Statistic::mean || is_extreme(s) || is_square(s); }

}  // namespace

WindowSums::WindowSums(const Plan& plan) {
    if (!has_disjoint_rows(plan.window)) return;
    for (const Feature& feature : plan.features) {
        if (!feature.over.empty() || !is_sum(feature.statistic)) continue;
        made_[feature.statistic].resize(plan.inputs.size());
        extremes_ |= is_extreme(feature.statistic);
        powers_ |= is_square(feature.statistic);
        high_powers_ |= is_high(feature.statistic);
    }
    if (made_.empty()) return;
    width_ = plan.inputs.size();
    for (auto* each : {&from_, &first_, &missing_}) each->resize(width_);
    if (powers_) second_.resize(width_);
    if (high_powers_) third_.resize(width_), fourth_.resize(width_);
    if (extremes_) low_.resize(width_), high_.resize(width_);
}

const double* WindowSums::place_of(const Feature& feature) const {
    const auto found = made_.find(feature.statistic);
    return found == made_.end() || !feature.over.empty() ? nullptr : &found->second[feature.input];
}

void WindowSums::add(std::span<const double> row) {
    if (made_.empty()) return;
    if (rows_++ == 0) start(row);
    for (std::size_t i = 0; i < width_; ++i) missing_[i] += row[i] - row[i];  // NaN for NaN
    add_powers(row.data());
    if (!extremes_) return;
    for (std::size_t i = 0; i < width_; ++i) {
        low_[i] = row[i] < low_[i] ? row[i] : low_[i];
        high_[i] = row[i] > high_[i] ? row[i] : high_[i];
    }
}

void WindowSums::start(std::span<const double> row) {
    for (auto* each : {&from_, &low_, &high_})
        std::copy_n(row.begin(), each->size(), each->begin());
    for (auto* each : {&first_, &second_, &third_, &fourth_, &missing_})
        std::fill(each->begin(), each->end(), 0);
}

void WindowSums::add_powers(const double* row) {
    if (high_powers_) {
        for (std::size_t i = 0; i < width_; ++i) {
            const double d = row[i] - from_[i], square = d * d;
            first_[i] += d;
            second_[i] += square;
            third_[i] += square * d;
            fourth_[i] += square * square;
        }
    } else if (powers_) {
        for (std::size_t i = 0; i < width_; ++i) {
            const double d = row[i] - from_[i];
            first_[i] += d;
            second_[i] += d * d;
        }
    } else {
        for (std::size_t i = 0; i < width_; ++i) first_[i] += row[i] - from_[i];
    }
}

void WindowSums::finish() {
    for (auto& [statistic, to] : made_) {
        if (is_square(statistic)) {
            finish_squares(statistic, to);
            continue;
        }
        for (std::size_t i = 0; i < width_; ++i) {
            const double value = statistic == Statistic::mean  ? mean(i)
                                 : statistic == Statistic::min ? low_[i]
                                 : statistic == Statistic::max ? high_[i]
                                                               : high_[i] - low_[i];
            to[i] = value + missing_[i];
        }
    }
}

void WindowSums::finish_squares(Statistic statistic, std::vector<double>& to) const {
    for (std::size_t i = 0; i < width_; ++i) {
        const Moments m = moments(i);
        const double value = statistic == Statistic::deviation  ? deviation_of(m, rows_)
                             : statistic == Statistic::rms      ? std::sqrt(m.mean_square)
                             : statistic == Statistic::skewness ? skewness_of(m)
                             : statistic == Statistic::kurtosis ? kurtosis_of(m)
                                                                : crest_of({low_[i], high_[i]}, m);
        to[i] = value + missing_[i];
    }
}

double WindowSums::mean(std::size_t input) const {
    return from_[input] + first_[input] / static_cast<double>(rows_);
}

Moments WindowSums::moments(std::size_t input) const {
    const auto n = static_cast<double>(rows_);
    const double third = high_powers_ ? third_[input] / n : 0;
    const double fourth = high_powers_ ? fourth_[input] / n : 0;
    return moments_about(from_[input], first_[input] / n, second_[input] / n, third, fourth);
}

}  // namespace mw::features
