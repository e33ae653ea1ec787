#include "insight/statistics/kpi.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/assert.h"
#include "base/random.h"
#include "insight/statistics/distributions.h"
#include "insight/statistics/samples.h"
#include "insight/statistics/words.h"

namespace mw::statistics {
namespace {

constexpr std::size_t days_min = 7;
constexpr std::size_t days_of_whole_weeks = 28;  // from here on weekdays are told apart

double tail_of(const KpiOptions& options) { return (1 - options.confidence) / 2; }

// ---- Means over days

struct Period {
    std::vector<double> days;  // around the mean
    double level = 0;
    std::size_t block = 1;
    double widening = 1;  // what resampling few, dependent days leaves out
};

std::vector<double> finite(std::span<const double> values) {
    std::vector<double> kept;
    std::copy_if(values.begin(), values.end(), std::back_inserter(kept),
                 [](double value) { return std::isfinite(value); });
    return kept;
}

// Takes the mean out, from four weeks on that of each weekday.
Period period_of(std::span<const double> values, const KpiOptions& options) {
    Period period;
    period.days = finite(values);
    const double n = double(period.days.size());
    if (period.days.size() < days_min) {
        period.level = mean(period.days);
        return period;
    }
    const std::size_t kinds = period.days.size() >= days_of_whole_weeks ? 7 : 1;
    std::array<double, 7> sums{}, counts{};
    for (std::size_t i = 0; i < period.days.size(); ++i) {
        sums[i % kinds] += period.days[i];
        counts[i % kinds] += 1;
    }
    for (std::size_t i = 0; i < kinds; ++i) period.level += sums[i] / counts[i] / double(kinds);
    for (std::size_t i = 0; i < period.days.size(); ++i)
        period.days[i] -= sums[i % kinds] / counts[i % kinds];
    period.block = block_length(period.days);

    const double block = double(period.block);
    const double r = std::clamp(autocorrelation(period.days, 1), 0.0, 0.9);
    // Dependence that reaches over the ends of blocks, as in a first-order process.
    const double lost = period.block > 1 ? std::min(0.5, 2 * r / (block * (1 - r * r))) : 0;
    const double degrees = std::max(2.0, n / block - 1);
    const double student =
        student_quantile(1 - tail_of(options), degrees) / normal_quantile(1 - tail_of(options));
    period.widening = student * std::sqrt(n / (n - double(kinds)) / (1 - block / n) / (1 - lost));
    return period;
}

double resampled_deviation(const Period& period, Random& random) {
    const std::size_t n = period.days.size();
    double sum = 0;
    for (std::size_t taken = 0; taken < n;) {
        const std::size_t start = random.below(n);
        for (std::size_t i = 0; i < period.block && taken < n; ++i, ++taken)
            sum += period.days[(start + i) % n];
    }
    return sum / double(n) * period.widening;
}

MeanInterval basic_interval(double estimate, std::vector<double>& deviations, double tail) {
    const double low = quantile(deviations, tail), high = quantile(deviations, 1 - tail);
    return {estimate - high, estimate, estimate - low};  // the basic bootstrap interval
}

// `distance` is now - target, negative where the target is passed, whichever way is better.
KpiVerdict verdict_of(const MeanInterval& distance, bool better, double power, double wanted) {
    if (distance.high <= 0) return KpiVerdict::reached;
    if (distance.low > 0) return KpiVerdict::not_reached;
    if (better && distance.estimate <= 0 && power >= wanted) return KpiVerdict::reached;
    return KpiVerdict::inconclusive;
}

MeanInterval turned(const MeanInterval& interval, bool keep) {
    if (keep) return interval;
    return {-interval.high, -interval.estimate, -interval.low};
}

std::string range(const MeanInterval& interval, const char* unit) {
    return figure(interval.low) + " to " + figure(interval.high) + unit;
}

std::string target_text(const KpiTarget& target) {
    return target.percent ? (*target.percent > 0 ? "+" : "") + figure(*target.percent) + " %"
                          : figure(target.absolute.value_or(0));
}

std::string sentence(const KpiReading& reading, const KpiTarget& target, const KpiOptions& options,
                     const std::string& what_is_needed) {
    std::string text = "from " + figure(reading.baseline.estimate) + " to " +
                       figure(reading.now.estimate) + " (" + figure(100 * options.confidence) +
                       " % interval of the change ";
    text += reading.percent ? range(*reading.percent, " %") : range(reading.change, "");
    text += "), target " + target_text(target) + ": ";
    text += std::string(to_string(reading.verdict));
    if (!reading.better) text += ", no improvement shown";
    text +=
        "; a change as large as the target's would be seen with chance " + figure(reading.power);
    if (reading.power < options.power_wanted && !what_is_needed.empty())
        text += ", for " + figure(options.power_wanted) + " it takes " + what_is_needed;
    return text;
}

// ---- Rates of counts

struct Counted {
    std::vector<DayCount> days;
    double count = 0;
    double exposure = 0;
    double rate() const { return exposure > 0 ? count / exposure : 0; }
};

Counted counted(std::span<const DayCount> days) {
    Counted all;
    for (const DayCount& day : days) {
        if (!(day.exposure > 0) || !(day.count >= 0) || !std::isfinite(day.count + day.exposure))
            continue;
        all.days.push_back(day);
        all.count += day.count;
        all.exposure += day.exposure;
    }
    return all;
}

// Pearson's statistic over blocks of days, long enough to hold what depends on each other.
struct Dispersion {
    double statistic = 0;
    double degrees = 0;
};

Dispersion dispersion_of(const Counted& period) {
    std::vector<double> residuals;
    if (period.count <= 0) return {};
    for (const DayCount& day : period.days) {
        const double expected = period.rate() * day.exposure;
        residuals.push_back((day.count - expected) / std::sqrt(expected));
    }
    const std::size_t block = std::min(block_length(residuals), residuals.size() / 4 + 1);
    Dispersion found;
    for (std::size_t from = 0; from + block <= residuals.size(); from += block) {
        double count = 0, expected = 0;
        for (std::size_t i = from; i < from + block; ++i) {
            count += period.days[i].count;
            expected += period.rate() * period.days[i].exposure;
        }
        found.statistic += (count - expected) * (count - expected) / expected;
        found.degrees += 1;
    }
    found.degrees -= 1;
    return found;
}

double overdispersion_of(const Counted& baseline, const Counted& now) {
    const Dispersion a = dispersion_of(baseline), b = dispersion_of(now);
    const double degrees = std::max(0.0, a.degrees) + std::max(0.0, b.degrees);
    return degrees > 0 ? std::max(1.0, (a.statistic + b.statistic) / degrees) : 1;
}

MeanInterval rate_interval(const Counted& period, double overdispersion, double tail) {
    const double scale = overdispersion / period.exposure;
    const double shape = period.count / overdispersion + 0.5;
    return {period.count > 0 ? gamma_quantile(tail, shape, scale) : 0, period.rate(),
            gamma_quantile(1 - tail, shape, scale)};
}

// now / baseline, from the share of all events that fell into now (Jeffreys' beta interval).
MeanInterval ratio_interval(const Counted& baseline, const Counted& now, double overdispersion,
                            double tail) {
    const double a = now.count / overdispersion + 0.5, b = baseline.count / overdispersion + 0.5;
    const double exposures = baseline.exposure / now.exposure;
    const auto ratio = [&](double share) { return share / (1 - share) * exposures; };
    return {now.count > 0 ? ratio(beta_quantile(tail, a, b)) : 0, now.rate() / baseline.rate(),
            ratio(beta_quantile(1 - tail, a, b))};
}

// Interval of a difference from those of its parts (Zou and Donner 2008).
MeanInterval difference(const MeanInterval& now, const MeanInterval& before) {
    const double estimate = now.estimate - before.estimate;
    return {estimate - std::hypot(now.estimate - now.low, before.high - before.estimate), estimate,
            estimate + std::hypot(now.high - now.estimate, before.estimate - before.low)};
}

}  // namespace

KpiReading compare_means(std::span<const double> baseline, std::span<const double> now,
                         const KpiTarget& target, const KpiOptions& options) {
    ASSERT(options.confidence > .5 && options.confidence < 1 && options.resamples >= 99);
    ASSERT(target.absolute || target.percent);
    const Period before = period_of(baseline, options), after = period_of(now, options);
    KpiReading reading;
    reading.baseline = {before.level, before.level, before.level};
    reading.now = {after.level, after.level, after.level};
    reading.change.estimate = after.level - before.level;
    reading.dependence = double(std::max(before.block, after.block));
    const std::size_t fewest = std::min(before.days.size(), after.days.size());
    if (fewest < days_min) {
        reading.needed = days_min;
        reading.says = "inconclusive: " + std::to_string(before.days.size()) +
                       " days of baseline and " + std::to_string(after.days.size()) +
                       " of now, at least 7 of each are needed";
        return reading;
    }
    // The target moves with the baseline when it is a percentage of it.
    const double share = target.percent ? 1 + *target.percent / 100 : 0;
    const double wanted = target.percent ? share * before.level : *target.absolute;
    SeededRandom random(options.seed);
    std::vector<double> old_level, new_level, change, distance;
    for (int i = 0; i < options.resamples; ++i) {
        const double a = resampled_deviation(before, random);
        const double b = resampled_deviation(after, random);
        old_level.push_back(a);
        new_level.push_back(b);
        change.push_back(b - a);
        distance.push_back(b - share * a);
    }
    const double tail = tail_of(options);
    reading.baseline = basic_interval(before.level, old_level, tail);
    reading.now = basic_interval(after.level, new_level, tail);
    reading.change = basic_interval(after.level - before.level, change, tail);
    const bool positive = reading.baseline.low > 0, negative = reading.baseline.high < 0;
    if (positive || negative) {
        // Around the ratio the change of now - ratio * baseline is what is uncertain (Fieller).
        const double ratio = after.level / before.level;
        std::vector<double> ratios;
        for (std::size_t i = 0; i < change.size(); ++i)
            ratios.push_back(100 * (new_level[i] - ratio * old_level[i]) / before.level);
        reading.percent = basic_interval(100 * (ratio - 1), ratios, tail);
    }
    const bool down = target.decrease;
    reading.better = down ? reading.change.high < 0 : reading.change.low > 0;
    const double error = std::sqrt(variance(change)), aim = std::abs(wanted - before.level);
    const double z = normal_quantile(1 - tail);
    reading.power = error > 0 ? normal_cdf(aim / error - z) : 1;
    if (aim > 0) {
        const double times = (z + normal_quantile(options.power_wanted)) * error / aim;
        reading.needed = std::ceil(double(fewest) * times * times);
    }
    reading.verdict = verdict_of(turned(basic_interval(after.level - wanted, distance, tail), down),
                                 reading.better, reading.power, options.power_wanted);
    reading.says = sentence(reading, target, options,
                            aim > 0 ? "about " + figure(reading.needed) + " days" : "");
    return reading;
}

double events_needed(double rate_ratio, double overdispersion, double confidence, double power) {
    ASSERT(rate_ratio > 0 && rate_ratio != 1 && overdispersion >= 1);
    const double z = normal_quantile(1 - (1 - confidence) / 2) + normal_quantile(power);
    const double log_ratio = std::log(rate_ratio);
    return overdispersion * z * z * (1 + 1 / rate_ratio) / (log_ratio * log_ratio);
}

KpiReading compare_rates(std::span<const DayCount> baseline, std::span<const DayCount> now,
                         const KpiTarget& target, const KpiOptions& options) {
    ASSERT(options.confidence > .5 && options.confidence < 1);
    ASSERT(target.absolute || target.percent);
    const Counted before = counted(baseline), after = counted(now);
    KpiReading reading;
    reading.baseline = {before.rate(), before.rate(), before.rate()};
    reading.now = {after.rate(), after.rate(), after.rate()};
    if (before.days.size() < days_min || after.days.size() < days_min) {
        reading.says = "inconclusive: " + std::to_string(before.days.size()) +
                       " days of baseline and " + std::to_string(after.days.size()) +
                       " of now, at least 7 of each are needed";
        return reading;
    }
    const double tail = tail_of(options), z = normal_quantile(1 - tail);
    reading.dependence = overdispersion_of(before, after);
    reading.baseline = rate_interval(before, reading.dependence, tail);
    reading.now = rate_interval(after, reading.dependence, tail);
    reading.change = difference(reading.now, reading.baseline);
    if (before.count == 0) {
        reading.says =
            "inconclusive: no event in the baseline, so there is nothing to compare with";
        return reading;
    }
    const MeanInterval ratio = ratio_interval(before, after, reading.dependence, tail);
    const auto in_percent = [](double r) { return 100 * (r - 1); };
    reading.percent =
        MeanInterval{in_percent(ratio.low), in_percent(ratio.estimate), in_percent(ratio.high)};
    reading.better = target.decrease ? ratio.high < 1 : ratio.low > 1;
    const double wanted =
        target.percent ? 1 + *target.percent / 100 : *target.absolute / before.rate();
    const double aim = std::max(wanted, 1e-3);  // all gone has no logarithm
    if (aim != 1) {
        const double expected = before.count * aim * after.exposure / before.exposure;
        const double error = std::sqrt(reading.dependence * (1 / before.count + 1 / expected));
        reading.power = normal_cdf(std::abs(std::log(aim)) / error - z);
        reading.needed = std::ceil(
            events_needed(aim, reading.dependence, options.confidence, options.power_wanted));
    }
    const MeanInterval distance{ratio.low - wanted, ratio.estimate - wanted, ratio.high - wanted};
    reading.verdict = verdict_of(turned(distance, target.decrease), reading.better, reading.power,
                                 options.power_wanted);
    reading.says = sentence(reading, target, options,
                            aim == 1 ? ""
                                     : "about " + figure(reading.needed) +
                                           " events in a baseline of equal length; there are " +
                                           figure(before.count) + " and " + figure(after.count));
    return reading;
}

std::string_view to_string(KpiVerdict verdict) {
    switch (verdict) {
        case KpiVerdict::reached:
            return "reached";
        case KpiVerdict::not_reached:
            return "not reached";
        case KpiVerdict::inconclusive:
            return "inconclusive";
    }
    return "unknown";
}

}  // namespace mw::statistics
