#include "insight/energy/savings.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace mw::energy {
namespace {

constexpr std::size_t blocks = 12;  // left out in turn: about a month of a year each
constexpr double dependence_max = 0.95;

// Errors of hours that the baseline has not seen, in order.
Result<std::vector<double>> unseen_errors(std::span<const Hour> hours) {
    std::vector<double> errors;
    for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t from = block * hours.size() / blocks;
        const std::size_t to = (block + 1) * hours.size() / blocks;
        std::vector<Hour> rest(hours.begin(), hours.begin() + static_cast<std::ptrdiff_t>(from));
        rest.insert(rest.end(), hours.begin() + static_cast<std::ptrdiff_t>(to), hours.end());
        TRY(const Towt towt, fit_towt(rest));
        for (std::size_t i = from; i < to; ++i)
            errors.push_back(hours[i].load -
                             towt.predict(hour_of_week(hours[i].hour), hours[i].temperature));
    }
    return errors;
}

struct Days {
    std::vector<double> sums;
    double deviation = 0, dependence = 0;
};

Days days_of(std::span<const Hour> hours, const std::vector<double>& errors) {
    std::map<std::int64_t, double> by_day;
    for (std::size_t i = 0; i < hours.size(); ++i) by_day[hours[i].hour / 24] += errors[i];
    Days days;
    double mean = 0;
    for (const auto& [day, sum] : by_day) {
        days.sums.push_back(sum);
        mean += sum / static_cast<double>(by_day.size());
    }
    double squares = 0, joint = 0;
    for (std::size_t i = 0; i < days.sums.size(); ++i) {
        squares += (days.sums[i] - mean) * (days.sums[i] - mean);
        if (i > 0) joint += (days.sums[i] - mean) * (days.sums[i - 1] - mean);
    }
    days.deviation = std::sqrt(squares / std::max(1.0, static_cast<double>(days.sums.size()) - 1));
    days.dependence = squares > 0 ? std::clamp(joint / squares, 0.0, dependence_max) : 0;
    return days;
}

// The standard normal's quantile at (1 + confidence) / 2, by bisection of erf.
double normal_reach(double confidence) {
    double low = 0, high = 10;
    for (int i = 0; i < 80; ++i) {
        const double middle = (low + high) / 2;
        (std::erf(middle / std::sqrt(2.0)) < confidence ? low : high) = middle;
    }
    return (low + high) / 2;
}

double share_outside(std::span<const Hour> baseline, std::span<const Hour> reporting) {
    const auto by_temperature = [](const Hour& a, const Hour& b) {
        return a.temperature < b.temperature;
    };
    const auto [coldest, warmest] =
        std::minmax_element(baseline.begin(), baseline.end(), by_temperature);
    const auto outside = std::count_if(reporting.begin(), reporting.end(), [&](const Hour& hour) {
        return hour.temperature < coldest->temperature || hour.temperature > warmest->temperature;
    });
    return static_cast<double>(outside) / static_cast<double>(reporting.size());
}

void judge_baseline(std::span<const Hour> baseline, const std::vector<double>& errors, Savings& s) {
    double load = 0, squares = 0, sum = 0;
    for (std::size_t i = 0; i < baseline.size(); ++i) {
        load += baseline[i].load;
        squares += errors[i] * errors[i];
        sum += errors[i];
    }
    const auto n = static_cast<double>(baseline.size());
    s.cv_rmse = std::sqrt(squares / n) / (load / n);
    s.bias = sum / load;
}

}  // namespace

Result<Savings> savings_of(std::span<const Hour> baseline, std::span<const Hour> reporting,
                           const SavingsOptions& options) {
    if (reporting.empty())
        return Error{Errc::invalid_input, "energy savings: the reporting period has no hours"};
    TRY(const Towt towt, fit_towt(baseline));
    Savings s;
    for (const Hour& hour : reporting) {
        if (!std::isfinite(hour.load) || !std::isfinite(hour.temperature))
            return Error{Errc::invalid_input,
                         "energy savings: a load or temperature is not a number; leave it out"};
        s.measured += hour.load;
        s.expected += towt.predict(hour_of_week(hour.hour), hour.temperature);
    }
    if (!(s.expected > 0))
        return Error{Errc::invalid_input,
                     "energy savings: the baseline expects no use at all; there is no share of it"};
    TRY(const auto errors, unseen_errors(baseline));
    judge_baseline(baseline, errors, s);
    const Days days = days_of(baseline, errors);
    s.dependence = days.dependence;
    s.days_baseline = static_cast<double>(baseline.size()) / 24;
    s.days_reporting = static_cast<double>(reporting.size()) / 24;
    // A sum over m days errs by their own noise and by the baseline's, which is of n days.
    const double spread = (1 + s.dependence) / (1 - s.dependence);
    const double variance = spread / s.days_reporting + spread / s.days_baseline;
    const double error = days.deviation * s.days_reporting * std::sqrt(variance) / s.expected;
    s.share = 1 - s.measured / s.expected;
    const double reach = normal_reach(options.confidence) * error;
    s.low = s.share - reach;
    s.high = s.share + reach;
    s.outside = share_outside(baseline, reporting);
    s.verdict = "enough";
    if (std::abs(s.share) < 2 * error) s.verdict = "less than twice its uncertainty";
    if (s.cv_rmse > 0.3) s.verdict = "the baseline errs by more than 30 % of the load";
    if (s.outside > 0.05) s.verdict = "weather that the baseline never saw";
    return s;
}

}  // namespace mw::energy
