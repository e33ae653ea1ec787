#pragma once
// What a window of a fixed number of rows adds up to, row by row, for all
// inputs at once: so the last row of a wide window costs no more than any
// other. Only of windows that follow each other without overlapping: each
// begins at zero, so nothing of an older window is left in the bits. Memory: 64
// bytes an input and 8 a feature at most.

#include <map>
#include <span>
#include <vector>

#include "insight/features/moments.h"
#include "insight/features/plan.h"

namespace mw::features {

class WindowSums {
 public:
    explicit WindowSums(const Plan& plan);  // adds up what the plan's features need

    // Where finish() puts this feature, for as long as the sums live; null when
    // it is not made of sums over the whole window, and the rows have to be read.
    const double* place_of(const Feature& feature) const;

    void begin() { rows_ = 0; }             // a new window
    void add(std::span<const double> row);  // NaN: not usable
    std::size_t rows() const { return rows_; }
    // Makes the features of the rows so far. Those of an input with a value that
    // is not usable are NaN: its rows have to be read.
    void finish();

 private:
    void start(std::span<const double> row);
    void add_powers(const double* row);
    void finish_squares(Statistic statistic, std::vector<double>& to) const;
    double mean(std::size_t input) const;
    Moments moments(std::size_t input) const;

    bool extremes_ = false, powers_ = false, high_powers_ = false;
    std::map<Statistic, std::vector<double>> made_;  // those that features want, per input
    std::size_t width_ = 0;
    std::size_t rows_ = 0;
    // Per input. Powers are of the distance from the window's first value: that is within the
    // window's range, so what cancels is no larger than what is left times the number of rows.
    std::vector<double> from_, first_, second_, third_, fourth_, low_, high_;
    std::vector<double> missing_;  // 0, or NaN
};

}  // namespace mw::features
