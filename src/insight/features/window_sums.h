#pragma once
// What a window of a fixed number of rows adds up to, row by row, for all inputs at once: so the
// last row of a wide window costs no more than any other. Only of windows that follow each other
// without overlapping: each begins at zero, so nothing of an older window is left in the bits.
// Memory: 56 bytes an input at most.

#include <cstdint>
#include <span>
#include <vector>

#include "insight/features/moments.h"
#include "insight/features/plan.h"

namespace mw::features {

class WindowSums {
 public:
    explicit WindowSums(const Plan& plan);  // adds up what the plan's features need

    // Whether this feature is made of sums over the whole window; else the rows have to be read.
    bool makes(const Feature& feature) const {
        return wanted_ && feature.over.empty() && is_sum(feature.statistic);
    }
    static bool is_sum(Statistic statistic);

    void begin() { rows_ = 0; }             // a new window
    void add(std::span<const double> row);  // NaN: not usable
    std::size_t rows() const { return rows_; }
    // An input with a value that is not usable has no sums: its rows have to be read.
    bool is_whole(std::uint32_t input) const { return missing_[input] == 0; }

    double mean(std::uint32_t input) const;
    Extremes extremes(std::uint32_t input) const { return {low_[input], high_[input]}; }
    Moments moments(std::uint32_t input) const;

 private:
    void start(std::span<const double> row);
    void add_powers(const double* row);

    bool wanted_ = false, extremes_ = false, powers_ = false, high_powers_ = false;
    std::size_t width_ = 0;
    std::size_t rows_ = 0;
    // Per input. Powers are of the distance from the window's first value: that is within the
    // window's range, so what cancels is no larger than what is left times the number of rows.
    std::vector<double> from_, first_, second_, third_, fourth_, low_, high_;
    std::vector<std::uint8_t> missing_;
};

}  // namespace mw::features
