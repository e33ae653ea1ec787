#pragma once
// Did the KPI move? Baseline against now, with an interval, and a verdict that says when the days
// or events are too few to know.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "insight/statistics/interval.h"

namespace mw::statistics {

struct KpiTarget {
    std::optional<double> absolute = {};  // the value to reach; or else
    std::optional<double> percent = {};   // change against the baseline, such as -30
    bool decrease = true;                 // which way is better
};

struct KpiOptions {
    double confidence = .9;
    double power_wanted = .8;
    int resamples = 1'999;
    std::uint64_t seed = 1;
};

enum class KpiVerdict {
    reached,       // better for certain, at or beyond the target by estimate, with power
    not_reached,   // the target lies outside the interval, on the far side
    inconclusive,  // the interval holds both; or too few days or events
};

struct KpiReading {
    MeanInterval baseline;  // per day, or per unit of exposure
    MeanInterval now;
    MeanInterval change;                  // now - baseline
    std::optional<MeanInterval> percent;  // absent where the baseline may be zero
    bool better = false;                  // the interval of the change excludes none
    double power = 0;                     // chance to see a change as large as the target's
    double needed = 0;                    // days (means) or events (rates) in each period for that
    double dependence = 1;                // means: block length in days; rates: overdispersion
    KpiVerdict verdict = KpiVerdict::inconclusive;
    std::string says;
};

// One value a day, in order. Moving-block bootstrap (circular) over days; from four weeks on the
// weekly pattern is taken out first. Fewer than 7 days in a period are inconclusive.
KpiReading compare_means(std::span<const double> baseline, std::span<const double> now,
                         const KpiTarget& target, const KpiOptions& options);

struct DayCount {
    double count = 0;     // events, such as stops
    double exposure = 1;  // such as hours run; a day with 0 is left out
};
// Rate ratio of counts, Poisson or wider: overdispersion is taken from the days.
KpiReading compare_rates(std::span<const DayCount> baseline, std::span<const DayCount> now,
                         const KpiTarget& target, const KpiOptions& options);

// Events each period needs to see the rate ratio with this power (two-sided 1 - confidence).
double events_needed(double rate_ratio, double overdispersion, double confidence, double power);

std::string_view to_string(KpiVerdict verdict);

}  // namespace mw::statistics
