#pragma once
// Does one column of counts still look like its reference? PSI is how far; its quantile says what
// chance alone reaches. Chance depends on how many independent values the counts are worth: values
// of a sensor, and windows that overlap, repeat each other. Pure functions.

#include <vector>

#include "insight/drift/bin_counts.h"

namespace mw::drift {

// How dependence widens the distribution of PSI: its modes have the weights (1+r^k)/(1-r^k) of an
// AR(1) stream, k = 1 to bins - 1, summed up by two moments (Rao and Scott 1984).
struct Widening {
    double factor = 1;  // n / factor independent values
    double scale = 1;   // the sum is about scale * chi-square of `degrees`
    double degrees = 1;
    double correlation = 0;  // of neighbouring values
};
// Counts of one device, or of parts of one device's stream.
Widening widening_of(const Column& column, const Column& reference);
Widening widening_of(double correlation, std::size_t bins);
// Of counts from several devices: each by its share of the values.
Widening mean_of(const std::vector<std::pair<double, Widening>>& by_weight, std::size_t bins);

struct Shift {
    double psi = 0;
    double psi_limit = 0;  // its quantile: chance alone reaches it with probability alpha
    double p_value = 1;    // of the chi-square statistic; right for few values too
    double jensen_shannon = 0;
    double n = 0;            // values compared
    double n_effective = 0;  // independent values' worth
    double bad_share = 0;    // values that are none
    bool drifts = false;     // beyond chance, by PSI and by p, and at least psi_min
};

struct ShiftOptions {
    double alpha = .001;
    double psi_min = .1;
    double effective_min = 8;  // fewer are not judged
};

Shift judge(const Column& reference, const Column& current, const Widening& widening,
            const ShiftOptions& options);

}  // namespace mw::drift
