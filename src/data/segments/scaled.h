#pragma once
// Doubles as scaled integers: value = m / d with d a power of ten, bit for bit. Sensor values come
// from decimal text or ADC steps, so most fit; those that don't (-0.0, NaN, infinities, full
// mantissas) stay raw. Pure functions. Why it works: m and 10^e (e <= 15) are exact doubles, and
// IEEE division rounds correctly, as strtod does for the same decimal.

#include <array>
#include <bit>
#include <cstdint>
#include <span>

namespace mw::segments {

inline constexpr int exponent_max = 15;
inline constexpr std::array<double, exponent_max + 1> power_of_ten{
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// True when value == m / divisor in every bit.
inline bool scale(double value, double divisor, std::int64_t& m) {
    constexpr double limit = 0x1p51;  // below it, adding and subtracting 1.5 x 2^52 rounds to an
    constexpr double rounder = 0x1.8p52;  // integer without changing the mode or calling a function
    const double scaled = value * divisor;
    if (!(scaled < limit && scaled > -limit)) return false;  // also NaN
    const double rounded = (scaled + rounder) - rounder;
    m = static_cast<std::int64_t>(rounded);
    return std::bit_cast<std::uint64_t>(static_cast<double>(m) / divisor) ==
           std::bit_cast<std::uint64_t>(value);
}

// The exponent that makes the values cheapest to store: the fewest digits, with the rare value that
// needs more left raw. -1: keep all of them raw.
int choose_exponent(std::span<const double> values);

}  // namespace mw::segments
