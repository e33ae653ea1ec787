#include "insight/drift/shift.h"

#include <algorithm>
#include <cmath>

#include "insight/drift/distance.h"
#include "insight/statistics/statistics.h"

namespace mw::drift {
namespace {

double bin_variance(const Column& column) {
    double n = 0, sum = 0, squares = 0;
    for (std::size_t i = 0; i < column.bins.size(); ++i) {
        const auto count = static_cast<double>(column.bins[i]), at = static_cast<double>(i);
        n += count;
        sum += count * at;
        squares += count * at * at;
    }
    return n > 1 ? squares / n - sum / n * (sum / n) : 0;
}

// By von Neumann's ratio: half the mean square of the step against the variance.
double correlation_at(const Column::Pairs& pairs, double variance) {
    if (pairs.n == 0 || variance <= 0) return 0;
    return 1 - static_cast<double>(pairs.squares) / (2 * static_cast<double>(pairs.n) * variance);
}

// Two samples' chi-square over effective sizes.
double chi_square(const Column& reference, const Column& current, double m, double n) {
    const auto all_r = static_cast<double>(reference.n()), all_c = static_cast<double>(current.n());
    double sum = 0;
    for (std::size_t i = 0; i < reference.bins.size(); ++i) {
        const double r = static_cast<double>(reference.bins[i]) / all_r;
        const double c = static_cast<double>(current.bins[i]) / all_c;
        const double pooled = (m * r + n * c) / (m + n);
        if (pooled > 0) sum += (c - r) * (c - r) / pooled;
    }
    return sum / (1 / n + 1 / m);
}

}  // namespace

Widening widening_of(double correlation, std::size_t bins) {
    Widening widening;
    widening.correlation = correlation;
    double sum = 0, squares = 0, power = 1;
    for (std::size_t k = 1; k < bins; ++k) {
        power *= correlation;
        const double weight = (1 + power) / (1 - power);
        sum += weight;
        squares += weight * weight;
    }
    if (bins < 2) return widening;
    widening.factor = sum / static_cast<double>(bins - 1);
    widening.scale = squares / sum;
    widening.degrees = sum * sum / squares;
    return widening;
}

// The variance is the reference's or, if larger, the own: few dependent values look too narrow.
Widening widening_of(const Column& column, const Column& reference) {
    const double variance = std::max(bin_variance(reference), bin_variance(column));
    const auto n = static_cast<double>(std::max<std::uint64_t>(column.n(), 4));
    double correlation = 0;
    for (std::size_t i = 0; i < lags.size(); ++i) {
        const double found = correlation_at(column.pairs[i], variance);
        if (found < 2 / std::sqrt(static_cast<double>(column.pairs[i].n))) continue;
        correlation = std::max(correlation, std::pow(found, 1 / static_cast<double>(lags[i])));
    }
    if (column.pairs[0].n == 0) return widening_of(0, column.bins.size());
    return widening_of(std::min(correlation, 1 - 3 / n), column.bins.size());
}

Widening mean_of(const std::vector<std::pair<double, Widening>>& by_weight, std::size_t bins) {
    double weights = 0, factor = 0, scale = 0, correlation = 0;
    for (const auto& [weight, widening] : by_weight) {
        weights += weight;
        factor += weight * widening.factor;
        scale += weight * widening.factor * widening.scale;
        correlation += weight * widening.correlation;
    }
    Widening mean;
    if (weights <= 0 || bins < 2) return mean;
    mean.factor = factor / weights;
    mean.scale = scale / factor;
    mean.degrees = static_cast<double>(bins - 1) * mean.factor / mean.scale;
    mean.correlation = correlation / weights;
    return mean;
}

Shift judge(const Column& reference, const Column& current, const Widening& widening,
            const ShiftOptions& options) {
    Shift shift;
    shift.n = static_cast<double>(current.n());
    const double bad = static_cast<double>(current.bad);
    if (shift.n + bad > 0) shift.bad_share = bad / (shift.n + bad);
    shift.n_effective = shift.n / widening.factor;
    const auto m = static_cast<double>(reference.n());
    if (shift.n == 0 || m == 0 || reference.bins.size() < 2 ||
        reference.bins.size() != current.bins.size())
        return shift;
    shift.psi = psi(reference.bins, current.bins);
    shift.jensen_shannon = jensen_shannon(reference.bins, current.bins);
    const double noise = 1 / shift.n + 1 / m;
    shift.psi_limit = noise * widening.scale *
                      statistics::chi_square_quantile(1 - options.alpha, widening.degrees);
    const double statistic = chi_square(reference, current, m, shift.n) / widening.scale;
    shift.p_value = statistics::chi_square_tail(statistic, widening.degrees);
    shift.drifts = shift.n_effective >= options.effective_min && shift.psi >= options.psi_min &&
                   shift.psi > shift.psi_limit && shift.p_value <= options.alpha;
    return shift;
}

}  // namespace mw::drift
