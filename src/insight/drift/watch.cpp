#include "insight/drift/watch.h"

#include <algorithm>
#include <cmath>

namespace mw::drift {
namespace {

constexpr double blocks_min = 16;       // fewer say nothing about their correlation
constexpr std::size_t scales_max = 24;  // means of 16 million values
constexpr double suspicion = .35;       // share of the threshold

}  // namespace

double Dependence::Scale::correlation(double shift) const {
    if (n < 2 || spread <= n * shift) return 0;
    // Sum over pairs of (a - mean)(b - mean), from products about the origin.
    const double total = n * mean;
    const double pairs =
        products - mean * (total - last) - mean * (total - first) + (n - 1) * mean * mean;
    return (pairs - n * shift) / (spread - n * shift);
}

void Dependence::add(double value) {
    if (scales_.empty()) origin_ = value;
    add(0, value - origin_);
}

void Dependence::add(std::size_t index, double value) {
    if (index == scales_.size()) {
        if (index == scales_max) return;
        scales_.emplace_back();
    }
    Scale& scale = scales_[index];
    if (scale.n > 0)
        scale.products += scale.last * value;
    else
        scale.first = value;
    scale.last = value;
    scale.n += 1;
    const double apart = value - scale.mean;
    scale.mean += apart / scale.n;
    scale.spread += apart * (value - scale.mean);
    if (!scale.has_half) {
        scale.half = value;
        scale.has_half = true;
        return;
    }
    scale.has_half = false;
    add(index + 1, (scale.half + value) / 2);
}

std::uint64_t Dependence::count() const {
    return scales_.empty() ? 0 : static_cast<std::uint64_t>(scales_[0].n);
}

double Dependence::variance(double shift) const {
    if (count() < 2) return 0;
    return std::max(0.0, scales_[0].spread / (scales_[0].n - 1) - shift);
}

// Short streams make their correlation look smaller (Kendall 1954). What is within noise is none.
double Dependence::correlation(double shift) const {
    if (scales_.empty()) return 0;
    const double n = scales_[0].n, found = scales_[0].correlation(shift);
    if (found < 2 / std::sqrt(n)) return 0;
    return std::min(found + (1 + 3 * found) / n, 1 - 2 / n);
}

double Dependence::long_run_variance(double shift) const {
    const double r = correlation(shift);
    double most = variance(shift) * (1 + r) / (1 - r);
    double length = 1;
    for (const Scale& scale : scales_) {
        if (scale.n < blocks_min) break;
        const double found = std::clamp(scale.correlation(shift), 0.0, .9);
        const double own = std::max(0.0, scale.spread / (scale.n - 1) - shift);
        const double noise = std::sqrt((6 + 2 * found * found) / ((1 - found * found) * scale.n));
        most = std::max(most, length * own * (1 + found) / (1 - found) * (1 - 2 * noise));
        length *= 2;
    }
    return most;
}

std::optional<Change> Watch::update(double value) {
    if (!std::isfinite(value)) return std::nullopt;
    window_.insert(value);
    dependence_.add(value);
    if (values() < options_.warm_up && trusted_.values == 0) return std::nullopt;
    if (until_look_ > 0) return --until_look_, std::nullopt;
    if (trusted_.values == 0) refresh({});
    // Between looks there is a quarter of an independent value.
    until_look_ = static_cast<std::uint64_t>(.25 / effective_share());
    return look();
}

double Watch::effective_share() const {
    return trusted_.long_run > 0 ? std::min(1.0, trusted_.variance / trusted_.long_run) : 1;
}

// Dependent values bring fewer chances of a false alarm than there are values.
double Watch::threshold() const { return options_.threshold + std::log(effective_share()); }

// The most suspicious cut, though not enough to be a change, must not pass as dependence either.
void Watch::refresh(const Change& suspect) {
    if (suspect.strength > suspicion * threshold()) return;
    const std::uint64_t seen = dependence_.count();
    if (seen < options_.warm_up || seen < 2 * trusted_.values) return;
    const double newer = static_cast<double>(suspect.values_after) / window_.all().n;
    const double apart = suspect.after - suspect.before;
    const double shift = newer * (1 - newer) * apart * apart;
    trusted_ = {seen, dependence_.variance(shift), dependence_.long_run_variance(shift)};
}

// Generalised log likelihood ratio of two means against one. The variance is that from before the
// cut, or half way to the one after it if that is larger: an error rate that rises from nearly 0
// brings its own.
double Watch::strength(const Buckets::Part& older, const Buckets::Part& newer) const {
    const double share = effective_share();
    if (older.n * share < options_.older_min || newer.n * share < options_.newer_min) return 0;
    const double apart = newer.mean() - older.mean();
    const double before = trusted_.variance, after = newer.spread / newer.n;
    const double variance = std::max(before, (before + after) / 2);
    if (variance <= 0 || apart * apart < options_.change_min * options_.change_min * variance)
        return 0;
    const double independent = static_cast<double>(trusted_.values) * share;
    const double ratio = apart * apart * share / (variance * (1 / older.n + 1 / newer.n));
    return independent / 2 * std::log1p(ratio / independent);
}

std::optional<Change> Watch::look() {
    Change found;
    const auto weigh = [&](const Buckets::Part& older, const Buckets::Part& newer) {
        const double here = strength(older, newer);
        if (here > found.strength)
            found = {older.mean(), newer.mean(), static_cast<std::uint64_t>(newer.n), here};
        return false;
    };
    window_.any_cut(weigh);
    if (found.strength < threshold()) return refresh(found), std::nullopt;
    while (values() > found.values_after) window_.drop_oldest();
    dependence_ = {};
    trusted_.values = std::min(trusted_.values, options_.warm_up);
    return found;
}

}  // namespace mw::drift
