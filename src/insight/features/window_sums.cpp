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

}  // namespace

bool WindowSums::is_sum(Statistic statistic) {
    return statistic == Statistic::mean || is_extreme(statistic) || is_square(statistic);
}

WindowSums::WindowSums(const Plan& plan) {
    if (!has_disjoint_rows(plan.window)) return;
    for (const Feature& feature : plan.features) {
        if (!feature.over.empty() || !is_sum(feature.statistic)) continue;
        wanted_ = true;
        extremes_ |= is_extreme(feature.statistic);
        powers_ |= is_square(feature.statistic);
        high_powers_ |= is_high(feature.statistic);
    }
    if (!wanted_) return;
    width_ = plan.inputs.size();
    for (auto* each : {&from_, &first_}) each->resize(width_);
    if (powers_) second_.resize(width_);
    if (high_powers_) third_.resize(width_), fourth_.resize(width_);
    if (extremes_) low_.resize(width_), high_.resize(width_);
    missing_.resize(width_);
}

void WindowSums::add(std::span<const double> row) {
    if (!wanted_) return;
    if (rows_++ == 0) start(row);
    for (std::size_t i = 0; i < width_; ++i) missing_[i] |= row[i] != row[i];
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
    for (auto* each : {&first_, &second_, &third_, &fourth_})
        std::fill(each->begin(), each->end(), 0);
    std::fill(missing_.begin(), missing_.end(), std::uint8_t{0});
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

double WindowSums::mean(std::uint32_t input) const {
    return from_[input] + first_[input] / static_cast<double>(rows_);
}

Moments WindowSums::moments(std::uint32_t input) const {
    const auto n = static_cast<double>(rows_);
    const double third = high_powers_ ? third_[input] / n : 0;
    const double fourth = high_powers_ ? fourth_[input] / n : 0;
    return moments_about(from_[input], first_[input] / n, second_[input] / n, third, fourth);
}

}  // namespace mw::features
