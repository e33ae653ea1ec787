#pragma once
// What was saved: the baseline's answer to the reporting period's weather and hours, less what was
// measured (IPMVP option C), and how sure that is.

#include <string>

#include "insight/energy/towt.h"

namespace mw::energy {

struct Savings {
    double measured = 0;       // sums over the reporting period's hours
    double expected = 0;       // what the baseline would have used
    double share = 0;          // (expected - measured) / expected
    double low = 0, high = 0;  // of the share, at the confidence asked for
    // How well the baseline does on weeks that it has not seen, as a share of the mean load.
    double cv_rmse = 0;
    double bias = 0;
    double dependence = 0;  // lag-1 correlation of the daily errors
    double days_baseline = 0, days_reporting = 0;
    double outside = 0;  // share of the hours warmer or colder than the baseline ever saw
    // "enough" or why not: ASHRAE guideline 14 wants savings at least twice their uncertainty at 68
    // %.
    std::string verdict;
};

struct SavingsOptions {
    double confidence = 0.9;
};

// The interval comes from errors of weeks that were left out in turn, added up by days; the days
// count for as many as their dependence leaves, in both periods.
Result<Savings> savings_of(std::span<const Hour> baseline, std::span<const Hour> reporting,
                           const SavingsOptions& options = {});

}  // namespace mw::energy
