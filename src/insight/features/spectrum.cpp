#include "insight/features/spectrum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "insight/features/moments.h"

namespace mw::features {
namespace {

constexpr std::size_t segments_least = 8;  // half-overlapping, of which kurtosis is taken
constexpr std::size_t kurtosis_rows_min = 32;

double hann_at(std::size_t i, std::size_t n) {
    const double s =
        std::sin(std::numbers::pi * (static_cast<double>(i) + 0.5) / static_cast<double>(n));
    return s * s;
}

}  // namespace

Spectrum::Spectrum(std::size_t longest) {
    const std::size_t size = std::bit_ceil(std::max<std::size_t>(longest, 2));
    work_.resize(size);
    roots_.resize(size / 2);
    for (std::size_t i = 0; i < roots_.size(); ++i)
        roots_[i] = std::polar(
            1.0, -2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(size));
    held_.resize(longest);
    second_.resize(size / 2 + 1);
    fourth_.resize(size / 2 + 1);
}

void Spectrum::load(std::span<const double> values, bool hann) {
    const double mean = mean_of(values);
    size_ = std::bit_ceil(std::max<std::size_t>(values.size(), 2));
    for (std::size_t i = 0; i < values.size(); ++i)
        work_[i] = (values[i] - mean) * (hann ? hann_at(i, values.size()) : 1.0);
    std::fill(work_.begin() + static_cast<std::ptrdiff_t>(values.size()),
              work_.begin() + static_cast<std::ptrdiff_t>(size_), Complex{});
}

// Cooley and Tukey, radix 2, in place; back: without dividing by the size.
void Spectrum::transform(bool back) {
    for (std::size_t i = 1, j = 0; i < size_; ++i) {
        std::size_t bit = size_ >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) std::swap(work_[i], work_[j]);
    }
    for (std::size_t length = 2; length <= size_; length *= 2) {
        const std::size_t step = work_.size() / length;
        for (std::size_t begin = 0; begin < size_; begin += length)
            for (std::size_t i = 0; i < length / 2; ++i) {
                const Complex root = back ? std::conj(roots_[i * step]) : roots_[i * step];
                Complex& even = work_[begin + i];
                Complex& odd = work_[begin + i + length / 2];
                const Complex turned{odd.real() * root.real() - odd.imag() * root.imag(),
                                     odd.real() * root.imag() + odd.imag() * root.real()};
                odd = even - turned;
                even += turned;
            }
    }
}

bool Spectrum::within(std::size_t bin, double rate, Band band) const {
    const double at = static_cast<double>(bin) * rate / static_cast<double>(size_);
    return at >= band.low && at < band.high;
}

double Spectrum::band(std::span<const double> values, double rate, Band band) {
    load(values, true);
    transform(false);
    double power = 0;
    for (std::size_t k = 0; k <= size_ / 2; ++k)
        if (within(k, rate, band))
            power += std::norm(work_[k]) * (k == 0 || k == size_ / 2 ? 1 : 2);
    // The sum of a Hann window's squares is 3/8 of its length.
    const double norm = static_cast<double>(size_) * 0.375 * static_cast<double>(values.size());
    return std::sqrt(power / norm);
}

double Spectrum::kurtosis(std::span<const double> values, double rate, Band band) {
    if (values.size() < kurtosis_rows_min) return std::numeric_limits<double>::quiet_NaN();
    const std::size_t segment = std::bit_floor(2 * values.size() / (segments_least + 1));
    const std::size_t bins = segment / 2 + 1;
    std::fill_n(second_.begin(), bins, 0.0);
    std::fill_n(fourth_.begin(), bins, 0.0);
    double count = 0;
    for (std::size_t at = 0; at + segment <= values.size(); at += segment / 2, ++count) {
        load(values.subspan(at, segment), true);
        transform(false);
        for (std::size_t k = 1; k < bins; ++k) {
            const double power = std::norm(work_[k]);
            second_[k] += power;
            fourth_[k] += power * power;
        }
    }
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t k = 1; k + 1 < bins; ++k)
        if (within(k, rate, band) && second_[k] > 0)
            largest = std::max(largest, count * fourth_[k] / (second_[k] * second_[k]) - 2);
    return std::isfinite(largest) ? largest : 0;
}

double Spectrum::envelope(std::span<const double> values, double rate, Band carrier,
                          Band modulation) {
    load(values, false);
    transform(false);
    for (std::size_t k = 0; k < size_; ++k) {
        const bool kept = k <= size_ / 2 && within(k, rate, carrier);
        const bool twice = k > 0 && k < size_ / 2;  // the analytic signal has no negative half
        work_[k] = kept ? work_[k] * (twice ? 2.0 : 1.0) : Complex{};
    }
    transform(true);
    const std::span<double> magnitude(held_.data(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
        magnitude[i] = std::abs(work_[i]) / static_cast<double>(size_);
    return band(magnitude, rate, modulation);
}

}  // namespace mw::features
