#include "business/kpi/reading.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace mw::kpi {
namespace {

using statistics::KpiReading;
using statistics::KpiVerdict;
using statistics::MeanInterval;

constexpr double year_ns = 365.25 * 24 * 3600 * 1e9;

Json json_of(const MeanInterval& interval) {
    return JsonObject{
        {"low", interval.low}, {"estimate", interval.estimate}, {"high", interval.high}};
}

std::string figure(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value == 0 ? 0 : value);
    return text;
}

std::string whole(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", value == 0 ? 0 : value);
    return text;
}

std::string_view reached(KpiVerdict verdict) {
    return verdict == KpiVerdict::reached       ? "yes"
           : verdict == KpiVerdict::not_reached ? "no"
                                                : "inconclusive";
}

struct Periods {
    std::vector<Day> baseline, now;
    nanoseconds spacing{0};
    Timestamp until;  // the end of the newest finished day
};

Periods periods_of(const KpiSpec& spec, std::vector<Day> days, Timestamp at) {
    Periods periods;
    periods.spacing = spacing_of(days);
    std::erase_if(days, [&](const Day& day) { return at < day.at + periods.spacing; });
    if (days.empty()) return periods;
    periods.until = days.back().at + periods.spacing;
    const auto since = std::max(periods.until - spec.window, spec.baseline_to);
    for (const auto& day : days) {
        if (spec.baseline_from <= day.at && day.at < spec.baseline_to)
            periods.baseline.push_back(day);
        if (day.at >= since) periods.now.push_back(day);
    }
    return periods;
}

KpiReading compare(const KpiSpec& spec, const Periods& periods, std::uint64_t seed) {
    statistics::KpiOptions options;
    options.seed = seed;
    if (spec.counts) {
        const auto counts = [](const std::vector<Day>& days) {
            std::vector<statistics::DayCount> out;
            for (const auto& day : days) out.push_back({day.value, day.exposure});
            return out;
        };
        return compare_rates(counts(periods.baseline), counts(periods.now), spec.target, options);
    }
    const auto values = [](const std::vector<Day>& days) {
        std::vector<double> out;
        for (const auto& day : days) out.push_back(day.value);
        return out;
    };
    return compare_means(values(periods.baseline), values(periods.now), spec.target, options);
}

// What one unit of change is worth in a year.
double money_per_year_and_unit(const KpiSpec& spec, const Periods& periods) {
    if (!spec.counts) return *spec.money_per_unit;
    double exposure = 0;
    for (const auto& day : periods.now) exposure += day.exposure;
    const double length = double(periods.now.size()) * double(periods.spacing.count());
    return *spec.money_per_unit * exposure / length * year_ns;
}

std::string tell_money(double now, double at_target, const std::string& currency) {
    const bool gains = now >= 0;
    return "; " + whole(std::abs(now)) + " " + currency + " a year " +
           (gains ? "better" : "worse") + " than the baseline (" + whole(at_target) +
           " at the target)";
}

void add_money(JsonObject& entry, const KpiSpec& spec, const Periods& periods,
               const KpiReading& reading, double target, const std::string& currency,
               std::string& says) {
    if (!spec.money_per_unit) return;
    const double worth = money_per_year_and_unit(spec, periods) * (spec.target.decrease ? -1 : 1);
    const auto& change = reading.change;
    MeanInterval money{worth * change.low, worth * change.estimate, worth * change.high};
    if (money.low > money.high) std::swap(money.low, money.high);
    const double at_target = worth * (target - reading.baseline.estimate);
    entry["money_per_year"] = money.estimate;
    entry["money"] = json_of(money);
    entry["money_at_target"] = at_target;
    entry["currency"] = currency;
    says += tell_money(money.estimate, at_target, currency);
}

JsonObject entry_of(const KpiSpec& spec, Timestamp at) {
    return {{"name", spec.name},
            {"unit", spec.unit},
            {"direction", spec.target.decrease ? "decrease" : "increase"},
            {"at", to_iso8601(at)}};
}

}  // namespace

Reading read_kpi(const KpiSpec& spec, std::vector<Day> days, Timestamp at,
                 const std::string& currency, std::uint64_t seed) {
    const auto periods = periods_of(spec, std::move(days), at);
    Reading out;
    auto& entry = out.entry;
    entry = entry_of(spec, at);
    entry["days"] = JsonObject{{"baseline", periods.baseline.size()}, {"now", periods.now.size()}};
    if (periods.until.ns) entry["until"] = to_iso8601(periods.until);
    const auto reading = compare(spec, periods, seed);
    std::string says = reading.says;
    entry["reached"] = reached(reading.verdict);
    entry["power"] = reading.power;
    if (!periods.baseline.empty()) entry["baseline"] = json_of(reading.baseline);
    if (!periods.now.empty()) {
        entry["now"] = json_of(reading.now);
        out.known = true;
        out.now = reading.now;
    }
    if (!periods.baseline.empty()) {
        const double target = spec.target.absolute
                                  ? *spec.target.absolute
                                  : reading.baseline.estimate * (1 + *spec.target.percent / 100);
        entry["target"] = target;
        if (!periods.now.empty()) {
            const double ahead = reading.now.estimate - target;
            entry["distance"] = spec.target.decrease ? ahead : -ahead;
            entry["change"] = json_of(reading.change);
            if (reading.percent) entry["change_percent"] = json_of(*reading.percent);
            says = "now " + figure(reading.now.estimate) + ", baseline " +
                   figure(reading.baseline.estimate) + ", target " + figure(target) + " " +
                   spec.unit + ": " + says;
            add_money(entry, spec, periods, reading, target, currency, says);
        }
    }
    entry["says"] = std::move(says);
    return out;
}

Reading read_answer(const KpiSpec& spec, const std::string& answer, Timestamp at,
                    const std::string& currency) {
    Reading failed;
    const auto parsed = parse_json(answer);
    if (!parsed) return failed.entry = failed_kpi(spec, parsed.error(), at), failed;
    auto days = days_from(*parsed, spec.counts);
    if (!days) return failed.entry = failed_kpi(spec, days.error(), at), failed;
    return read_kpi(spec, std::move(*days), at, currency);
}

JsonObject failed_kpi(const KpiSpec& spec, const Error& error, Timestamp at) {
    auto entry = entry_of(spec, at);
    entry["error"] = error.message;
    entry["reached"] = "inconclusive";
    entry["says"] = "could not be computed: " + error.message;
    return entry;
}

}  // namespace mw::kpi
