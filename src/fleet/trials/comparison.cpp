#include "fleet/trials/comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "insight/statistics/statistics.h"

namespace mw::trials {
namespace {

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double v : values) sum += v;
    return values.empty() ? 0 : sum / double(values.size());
}

Json interval_json(const Interval& i) {
    return JsonObject{{"mean", i.mean},
                      {"low", std::isfinite(i.low) ? Json(i.low) : Json(nullptr)},
                      {"high", std::isfinite(i.high) ? Json(i.high) : Json(nullptr)},
                      {"devices", i.devices}};
}

std::string interval_text(const Interval& i) {
    if (i.devices < 2) return number(i.mean) + " on one device, which says little";
    return number(i.mean) + " (95 %: " + number(i.low) + " to " + number(i.high) + ", " +
           std::to_string(i.devices) + " devices)";
}

// What an interval of a difference shows, where less is better.
Outcome judge(const Interval& i, const std::string& what) {
    const std::string says = what + " differ by " + interval_text(i);
    if (i.devices >= 2 && i.high < 0) return {"won", says};
    if (i.devices >= 2 && i.low > 0) return {"lost", says};
    if (i.devices >= 2 && i.low > -difference_that_matters && i.high < difference_that_matters)
        return {"drew", says + ", less than " + number(difference_that_matters)};
    return {"unclear", says};
}

}  // namespace

Interval interval_of(const std::vector<double>& values) {
    Interval i;
    i.devices = values.size();
    i.mean = mean(values);
    i.low = -std::numeric_limits<double>::infinity();
    i.high = std::numeric_limits<double>::infinity();
    if (values.size() < 2) return i;
    double squares = 0;
    for (const double v : values) squares += (v - i.mean) * (v - i.mean);
    const double n = double(values.size());
    const double error = std::sqrt(squares / (n - 1) / n);
    const double half = statistics::student_quantile(0.975, n - 1) * error;
    i.low = i.mean - half;
    i.high = i.mean + half;
    return i;
}

Comparison compare(const std::vector<Pair>& pairs) {
    Comparison c;
    std::vector<double> agreement, correlation, alarms, wrong, champion, challenger, first, second;
    for (const Pair& p : pairs) {
        if (p.windows == 0) continue;
        c.windows += p.windows;
        c.labelled += p.labelled;
        agreement.push_back(p.agreement);
        if (std::isfinite(p.correlation)) correlation.push_back(p.correlation);
        alarms.push_back(p.challenger_alarms - p.champion_alarms);
        first.push_back(p.champion_alarms);
        second.push_back(p.challenger_alarms);
        champion.push_back(p.champion_latency_us_p99);
        challenger.push_back(p.challenger_latency_us_p99);
        if (p.labelled >= labels_per_device_least)
            wrong.push_back(p.challenger_wrong - p.champion_wrong);
    }
    c.agreement = mean(agreement);
    c.correlation = mean(correlation);
    c.alarms = interval_of(alarms);
    c.champion_alarms = mean(first);
    c.challenger_alarms = mean(second);
    c.champion_latency_us_p99 = median(std::move(champion));
    c.challenger_latency_us_p99 = median(std::move(challenger));
    c.wrong = interval_of(wrong);
    return c;
}

std::string sentence_of(const Comparison& c) {
    if (c.windows == 0) return "no window has been judged by both yet";
    return "over " + std::to_string(c.windows) + " windows of " + std::to_string(c.alarms.devices) +
           " devices they agree in " + number(100 * c.agreement) + " %, alarms " +
           number(100 * c.champion_alarms) + " % and " + number(100 * c.challenger_alarms) +
           " %, scores correlate " + number(c.correlation) + ", p99 " +
           number(c.champion_latency_us_p99) + " and " + number(c.challenger_latency_us_p99) +
           " us";
}

Outcome outcome_of(const Comparison& c) {
    if (c.windows == 0) return {"unclear", sentence_of(c)};
    const std::string figures = "; " + sentence_of(c);
    if (c.wrong.devices >= 2) {
        Outcome outcome = judge(c.wrong, "shares of wrong decisions on " +
                                             std::to_string(c.labelled) + " labelled windows");
        outcome.says += figures;
        return outcome;
    }
    // Without labels nobody knows who is right: at most that it makes no difference.
    Outcome outcome = judge(c.alarms, "alarm rates");
    if (outcome.event == "drew" && c.agreement >= 1 - difference_that_matters) {
        outcome.says += figures;
        return outcome;
    }
    return {"unclear", outcome.says + "; too few labels to say who is right (" +
                           std::to_string(c.labelled) +
                           ", wanted: " + std::to_string(labels_per_device_least) +
                           " on each of two devices or more)" + figures};
}

Json comparison_json(const Comparison& c) {
    return JsonObject{{"windows", c.windows},
                      {"devices", c.alarms.devices},
                      {"agreement", c.agreement},
                      {"score_correlation", c.correlation},
                      {"champion_alarm_rate", c.champion_alarms},
                      {"challenger_alarm_rate", c.challenger_alarms},
                      {"alarm_rate_difference", interval_json(c.alarms)},
                      {"champion_latency_us_p99", c.champion_latency_us_p99},
                      {"challenger_latency_us_p99", c.challenger_latency_us_p99},
                      {"labelled", c.labelled},
                      {"wrong_difference", interval_json(c.wrong)}};
}

Outcome outcome_of_ab(const Json& readings, RolloutEnd end, const std::string& reason) {
    if (end == RolloutEnd::given_up) return {"stopped", reason};
    if (end == RolloutEnd::went_back) return {"lost", reason};
    std::string unclear, better, same;
    if (readings.is_array())
        for (const Json& reading : readings.get_array()) {
            const std::string says = find_string(reading, "says").value_or("");
            const auto high = find_number(reading, "figures.high");
            if (find_string(reading, "verdict") == "unclear")
                unclear = says;
            else if (high && *high < 0 &&
                     find_string(reading, "guardrail") != "decision_rate")  // shifts either way
                better = says;
            else if (high)
                same = says;
        }
    if (!unclear.empty()) return {"unclear", unclear};
    if (!better.empty()) return {"won", better};
    if (!same.empty()) return {"drew", same};
    return {"unclear", "no guardrail compared the two: give one worse_by"};
}

}  // namespace mw::trials
