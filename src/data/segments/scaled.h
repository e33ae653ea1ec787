#pragma once
// Doubles as scaled integers: value = m / d with d a power of ten, bit for bit. Sensor values come
// from decimal text or ADC steps, so most fit; those that don't (-0.0, NaN, infinities, full
// mantissas) stay raw. Pure functions. Why it works: m and 10^e (e <= 15) are exact doubles, and
// IEEE division rounds correctly, as strtod does for the same decimal.

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace mw::segments {

inline constexpr int exponent_max = 15;
inline constexpr std::array<double, exponent_max + 1> power_of_ten{
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// All ones when value == m / divisor in every bit, else nothing, and m is nothing to go by. Without
// a branch, a call or a conversion that vectors don't have.
inline std::uint64_t scale(double value, double divisor, std::int64_t& m) {
    constexpr double limit = 0x1p51;      // below it, adding 1.5 x 2^52 rounds to an integer, which
    constexpr double rounder = 0x1.8p52;  // then is in the low bits
    const double scaled = value * divisor;
    const double shifted = scaled + rounder;
    m = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(shifted) -
                                  std::bit_cast<std::uint64_t>(rounder));
    const double again = (shifted - rounder) / divisor;
    const std::uint64_t same =
        std::bit_cast<std::uint64_t>(again) == std::bit_cast<std::uint64_t>(value) ? ~0ULL : 0;
    return same & (scaled < limit ? ~0ULL : 0) & (scaled > -limit ? ~0ULL : 0);  // NaN: neither
}

// The exponent that makes the values cheapest to store: the fewest digits, with the rare value that
// needs more left raw. -1: keep all of them raw.
int choose_exponent(std::span<const double> values);

// The values of one series as integers above one divisor; those that don't fit are known.
class ScaledSeries {
 public:
    // Chooses the exponent from a few of the values, and from all of them if too many don't fit.
    void set(std::span<const double> values);
    // With the exponent given, as exponent() gives it.
    void set(std::span<const double> values, int exponent);
    int exponent() const { return exponent_; }  // -1: only zeros are integers
    std::span<const std::int64_t> integers() const { return integers_; }
    bool exact(std::size_t row) const {  // false: the integer means nothing
        return exact_[row / 64] >> (row % 64) & 1;
    }
    // Where rows from `begin` on, up to `end`, stop to be like the first of them.
    std::size_t end_of_run(std::size_t begin, std::size_t end) const;

 private:
    void scale_all(std::span<const double> values);
    int exponent_ = -1;
    std::vector<std::int64_t> integers_;
    std::vector<std::uint64_t> exact_;  // a bit a row
    std::size_t inexact_ = 0;
};

}  // namespace mw::segments
