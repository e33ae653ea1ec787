#include "data/segments/scaled.h"

#include <algorithm>
#include <cstddef>

namespace mw::segments {
namespace {

std::uint64_t is_zero(double value) { return value == 0 ? ~0ULL : 0; }

constexpr int unscalable = exponent_max + 1;

// The smallest exponent at which value is exact, starting from one that fitted its neighbours.
int smallest_exponent(double value, int guess) {
    std::int64_t m = 0;
    int e = guess;
    while (e <= exponent_max && !scale(value, power_of_ten[e], m)) ++e;
    if (e > exponent_max) return unscalable;
    if (m == 0) return 0;
    while (e > 0 && m % 10 == 0) m /= 10, --e;
    return e;
}

}  // namespace

int choose_exponent(std::span<const double> values) {
    constexpr std::size_t probe = 256;  // full-mantissa series cost 16 attempts a value: stop early
    std::array<std::size_t, unscalable + 1> count{};
    int guess = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const int e = smallest_exponent(values[i], guess);
        ++count[e];
        if (e != unscalable && e > guess) guess = e;
        // One odd value must not make all its successors long: begin again now and then.
        if (i % 64 == 63) guess = 0;
        if (i == probe && count[unscalable] > probe * 9 / 10) return -1;
    }
    constexpr double bits_per_digit = 3.33;
    constexpr double bits_raw = 60;
    int best = -1;
    double best_cost = 0.9 * bits_raw * static_cast<double>(values.size());
    std::size_t fitting = 0;
    for (int e = 0; e <= exponent_max; ++e) {
        fitting += count[e];
        const double cost = static_cast<double>(fitting) * bits_per_digit * e +
                            static_cast<double>(values.size() - fitting) * bits_raw;
        if (cost < best_cost) best = e, best_cost = cost;
    }
    return best;
}

void ScaledSeries::set(std::span<const double> values) {
    constexpr std::size_t sample_size = 16;
    constexpr std::size_t tolerated = 18;  // one raw value costs what a digit for 18 values costs
    std::array<double, sample_size> sample;
    const std::size_t taken = std::min(sample_size, values.size());
    for (std::size_t i = 0; i < taken; ++i) sample[i] = values[i * values.size() / taken];
    exponent_ = choose_exponent({sample.data(), taken});
    scale_all(values);
    if (taken == values.size() || inexact_ <= values.size() / tolerated) return;
    const int exponent = choose_exponent(values);
    if (exponent == exponent_) return;
    exponent_ = exponent;
    scale_all(values);
}

void ScaledSeries::set(std::span<const double> values, int exponent) {
    exponent_ = exponent;
    scale_all(values);
}

void ScaledSeries::scale_all(std::span<const double> values) {
    integers_.resize(values.size());
    exact_.resize((values.size() + 63) / 64);
    inexact_ = 0;
    const double divisor = exponent_ < 0 ? 1.0 : power_of_ten[exponent_];
    const bool only_zero = exponent_ < 0;
    for (std::size_t word = 0; word < exact_.size(); ++word) {
        const std::size_t begin = word * 64;
        const std::size_t count = std::min<std::size_t>(64, values.size() - begin);
        const double* from = values.data() + begin;
        std::int64_t* to = integers_.data() + begin;
        // All ones, or nothing: a loop of vectors. Zero is an integer even in a raw series: +0.0
        // and -0.0 never meet in one column, where a Parquet dictionary would take them for equal.
        std::uint64_t fits[64];
        for (std::size_t i = 0; i < count; ++i)
            fits[i] = scale(from[i], divisor, to[i]) & (only_zero ? is_zero(from[i]) : ~0ULL);
        std::uint64_t exact = 0;
        for (std::size_t i = 0; i < count; ++i) exact |= (fits[i] & 1) << i;
        exact_[word] = exact;
        inexact_ += count - static_cast<std::size_t>(std::popcount(exact));
    }
}

std::size_t ScaledSeries::end_of_run(std::size_t begin, std::size_t end) const {
    const bool like = exact(begin);
    std::size_t row = begin;
    while (row < end) {
        std::uint64_t other = exact_[row / 64] >> (row % 64);
        if (like) other = ~other;
        const std::size_t step = std::min<std::size_t>(std::countr_zero(other), 64 - row % 64);
        if (step == 0) break;
        row += step;
    }
    return std::min(row, end);
}

}  // namespace mw::segments
