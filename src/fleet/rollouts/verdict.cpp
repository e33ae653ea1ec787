#include "fleet/rollouts/verdict.h"

#include <algorithm>
#include <cstdio>
#include <unordered_map>

namespace mw::rollouts {
namespace {

constexpr double planned_share = 0.8;  // of alpha; the rest is the e-value's
constexpr double broken_split_p = 0.001;

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

std::string of(std::uint64_t part, std::uint64_t whole) {
    return std::to_string(part) + " of " + std::to_string(whole);
}

int comparing(const Plan& plan) {
    return std::max<int>(1, static_cast<int>(std::count_if(
                                plan.guardrails.begin(), plan.guardrails.end(),
                                [](const Guardrail& g) { return g.worse_by.has_value(); })));
}

// Silent canaries are no reason to be content.
std::optional<Reading> judge_split(const Comparison& c) {
    const auto canaries = c.canary.size(), controls = c.control.size();
    const double expected = double(c.canaries) / double(c.canaries + c.controls);
    if (canaries == c.canaries && controls == c.controls) return std::nullopt;
    const double p = statistics::sample_ratio_p(canaries, controls, expected);
    if (p >= broken_split_p) return std::nullopt;
    Reading reading{.guardrail = name_of(c.guardrail), .verdict = Verdict::unclear, .says = {}};
    reading.says = name_of(c.guardrail) + ": figures of only " + of(canaries, c.canaries) +
                   " canaries but " + of(controls, c.controls) +
                   " controls; such a split is no chance (p " + number(p) + ")";
    reading.figures = JsonObject{{"split_p", p}, {"canaries", canaries}, {"controls", controls}};
    return reading;
}

Json figures_of(const statistics::CanaryReading& r, double limit_e) {
    return JsonObject{{"effect", r.effect},     {"effect_sd", r.effect_sd},
                      {"low", r.low},           {"high", r.high},
                      {"p", r.p_value},         {"p_limit", r.p_limit},
                      {"e", r.e_value},         {"e_limit", limit_e},
                      {"power", r.power},       {"canaries", r.canaries},
                      {"controls", r.controls}, {"verdict", statistics::to_string(r.verdict)}};
}

Reading judge_arms(const Plan& plan, const Comparison& c, const Look& look) {
    const std::string name = name_of(c.guardrail);
    if (auto broken = judge_split(c)) return std::move(*broken);
    statistics::CanaryOptions options;
    options.alpha = plan.alpha / comparing(plan) * planned_share;
    options.looks = plan.looks;
    options.margin = c.guardrail.worse_by.value_or(0);
    options.min_power_effect = plan.min_power_effect;
    options.both_ways = c.guardrail.metric == Metric::decision_rate;
    const auto r =
        statistics::judge_look(c.canary, c.control, static_cast<int>(look.number), options);
    const double e_limit = comparing(plan) / (plan.alpha * (1 - planned_share));
    Reading reading{.guardrail = name, .verdict = Verdict::fine, .says = name + ": " + r.says};
    reading.figures = figures_of(r, e_limit);
    const bool final = !look.between && look.number >= plan.looks;
    if (r.e_value >= e_limit) {
        reading.verdict = Verdict::worse;
        reading.says = name + ": evidence " + number(r.e_value) + " of " + number(e_limit) +
                       " needed, at any time; " + r.says;
    } else if (!look.between && r.verdict == statistics::CanaryVerdict::worse) {
        reading.verdict = Verdict::worse;
    } else if (final && r.verdict == statistics::CanaryVerdict::inconclusive) {
        reading.verdict = Verdict::unclear;
    }
    return reading;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
    return verdict == Verdict::fine ? "fine" : verdict == Verdict::worse ? "worse" : "unclear";
}

Json readings_json(const std::vector<Reading>& readings) {
    JsonArray array;
    for (const Reading& r : readings)
        array.emplace_back(JsonObject{{"guardrail", r.guardrail},
                                      {"verdict", to_string(r.verdict)},
                                      {"says", r.says},
                                      {"figures", r.figures}});
    return array;
}

Judgement summed(std::vector<Reading> readings) {
    Judgement judgement;
    for (const Verdict wanted : {Verdict::worse, Verdict::unclear}) {
        for (const Reading& r : readings)
            if (r.verdict == wanted)
                judgement.says += (judgement.says.empty() ? "" : "; ") + r.says;
        if (judgement.says.empty()) continue;
        judgement.verdict = wanted;
        break;
    }
    if (judgement.says.empty()) {
        for (const Reading& r : readings)
            judgement.says += (judgement.says.empty() ? "" : "; ") + r.says;
        if (judgement.says.empty()) judgement.says = "no guardrail had anything to say";
    }
    judgement.readings = std::move(readings);
    return judgement;
}

std::vector<Reading> judge_reports(const Plan& plan, const Counts& counts) {
    std::vector<Reading> readings;
    for (const Guardrail& g : plan.guardrails) {
        if (!is_immediate(g.metric) || !g.max) continue;
        Reading reading{.guardrail = name_of(g), .verdict = Verdict::fine, .says = {}};
        if (g.metric == Metric::install_failures) {
            const std::uint64_t wave = counts.wave_devices + counts.to_assign;
            const double share = wave == 0 ? 0 : double(counts.wave_failed) / double(wave);
            if (share > *g.max) reading.verdict = Verdict::worse;
            reading.says = of(counts.wave_failed, wave) +
                           " devices of the wave did not install it (limit " + number(*g.max) +
                           " of them)";
            reading.figures = JsonObject{{"failed", counts.wave_failed},
                                         {"devices", wave},
                                         {"share", share},
                                         {"max", *g.max}};
        } else {
            if (counts.crashing > 0) reading.verdict = Verdict::worse;
            reading.says = counts.restarts_most == 0
                               ? "no device restarted"
                               : "'" + counts.restarts_where + "' restarted " +
                                     std::to_string(counts.restarts_most) +
                                     " times since it got it (limit " + number(*g.max) + ")";
            reading.figures = JsonObject{{"restarts", counts.restarts_most},
                                         {"device", counts.restarts_where},
                                         {"crashing", counts.crashing},
                                         {"max", *g.max}};
        }
        readings.push_back(std::move(reading));
    }
    return readings;
}

Reading judge_comparison(const Plan& plan, const Comparison& c, const Look& look) {
    const Guardrail& g = c.guardrail;
    const std::string name = name_of(g);
    if (g.max && !c.worst_device.empty() && c.worst > *g.max) {
        Reading reading{.guardrail = name, .verdict = Verdict::worse, .says = {}};
        reading.says = name + " is " + number(c.worst) + " on '" + c.worst_device +
                       "', more than " + number(*g.max);
        reading.figures =
            JsonObject{{"worst", c.worst}, {"device", c.worst_device}, {"max", *g.max}};
        return reading;
    }
    const bool shadow = plan.mode == Mode::shadow;  // its trial compares, device by device
    if (g.worse_by && !shadow && c.controls > 0 && c.canaries > 0) return judge_arms(plan, c, look);
    Reading reading{.guardrail = name, .verdict = Verdict::fine, .says = {}};
    if (g.worse_by && !shadow && c.controls == 0)
        reading.says = name + ": no device is left to compare with";
    else if (c.worst_device.empty())
        reading.says = name + ": no device has a figure yet";
    else
        reading.says = name + " is at most " + number(c.worst) + " on '" + c.worst_device + "'";
    reading.figures = JsonObject{{"worst", c.worst}, {"device", c.worst_device}};
    return reading;
}

Comparison compare(const Guardrail& guardrail, const Population& population, std::int64_t wave,
                   std::span<const DeviceValue> before, std::span<const DeviceValue> after) {
    Comparison c;
    c.guardrail = guardrail;
    c.canaries = population.arm_size(Population::Arm::canary, wave);
    c.controls = population.arm_size(Population::Arm::control, wave);
    std::unordered_map<std::string_view, double> earlier;
    for (const DeviceValue& v : before) earlier.emplace(v.device, v.value);
    for (const DeviceValue& v : after) {
        const auto arm = population.arm_of(v.device, wave);
        if (arm == Population::Arm::neither) continue;
        if (arm == Population::Arm::canary && (c.worst_device.empty() || v.value > c.worst)) {
            c.worst = v.value;
            c.worst_device = v.device;
        }
        const auto pre = earlier.find(v.device);
        if (pre == earlier.end()) continue;
        auto& units = arm == Population::Arm::canary ? c.canary : c.control;
        units.push_back({population.stratum_of(v.device), pre->second, v.value});
    }
    return c;
}

}  // namespace mw::rollouts
