#pragma once
// Time of week and temperature (Mathieu et al. 2011): a level for each hour of the week, and a
// piecewise linear answer to temperature, one while the building is occupied and one while not.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace mw::energy {

constexpr std::size_t hours_of_week = 168;
constexpr std::size_t knots_count = 5;                 // inner ones, at sixths of the temperatures
constexpr std::size_t slopes_count = knots_count + 1;  // of T, and of what T is above each knot

// One hour. Rows need not follow each other, but are in order of time.
struct Hour {
    std::int64_t hour = 0;  // since 1970, local time: the clock that people live by
    double load = 0;
    double temperature = 0;
};
std::size_t hour_of_week(std::int64_t hour);  // 0: Monday, 00:00

struct Towt {
    std::array<double, hours_of_week> levels{};
    std::array<bool, hours_of_week> occupied{};
    std::array<double, knots_count> knots{};
    std::array<std::array<double, slopes_count>, 2> slopes{};  // [occupied]

    double predict(std::size_t hour_of_week, double temperature) const;
};

// invalid_input: fewer than four weeks of hours, hours of the week that never come, or values that
// are not finite.
Result<Towt> fit_towt(std::span<const Hour> hours);

}  // namespace mw::energy
