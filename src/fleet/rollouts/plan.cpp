#include "fleet/rollouts/plan.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace mw::rollouts {
namespace {

constexpr std::array<std::string_view, 7> metric_names = {
    "install_failures", "crash_loop", "latency_us_p99", "fallback_rate", "decision_rate",
    "input_bad_rate",   "kpi"};
constexpr double install_failures_max = 0.1;
constexpr double crash_loop_max = 2;
constexpr double fallback_rate_worse_by = 0.1;

Error wrong(std::string_view path, std::string_view what) {
    return {Errc::invalid_input, std::string(path) + ": " + std::string(what)};
}

std::vector<std::string> texts_at(const Json& value, std::string_view path) {
    std::vector<std::string> texts;
    const Json* list = find(value, path);
    if (list && list->is_array())
        for (const Json& text : list->get_array())
            if (text.is_string()) texts.emplace_back(text.get_string());
    return texts;
}

Result<nanoseconds> duration_at(const Json& value, std::string_view key, nanoseconds fallback) {
    const auto text = find_string(value, key);
    if (!text) return fallback;
    return parse_duration(*text).context("spec." + std::string(key));
}

Result<Guardrail> guardrail_of(const Json& value, const std::string& path) {
    Guardrail g;
    TRY(const std::string name, want_string(value, "metric"));
    const auto known = std::find(metric_names.begin(), metric_names.end(), name);
    if (known == metric_names.end()) return wrong(path, "there is no metric '" + name + "'");
    g.metric = Metric(known - metric_names.begin());
    g.kpi = find_string(value, "kpi").value_or("");
    g.max = find_number(value, "max");
    g.worse_by = find_number(value, "worse_by");
    if (g.metric == Metric::kpi && g.kpi.empty())
        return wrong(path, "metric kpi wants the key kpi: which of the use case's");
    if (is_immediate(g.metric) && g.worse_by)
        return wrong(path, name + " has no worse_by; it wants max");
    if (!g.max && !g.worse_by) return wrong(path, "want max, worse_by or both");
    return g;
}

Result<std::vector<Guardrail>> guardrails_of(const Json& spec) {
    std::vector<Guardrail> guardrails;
    const Json* list = find(spec, "guardrails");
    if (list && list->is_array())
        for (std::size_t i = 0; i < list->get_array().size(); ++i) {
            TRY(auto g,
                guardrail_of(list->get_array()[i], "spec.guardrails[" + std::to_string(i) + "]"));
            guardrails.push_back(std::move(g));
        }
    if (!guardrails.empty()) return guardrails;
    return std::vector<Guardrail>{
        {.metric = Metric::install_failures, .max = install_failures_max},
        {.metric = Metric::crash_loop, .max = crash_loop_max},
        {.metric = Metric::fallback_rate, .worse_by = fallback_rate_worse_by}};
}

Result<std::vector<Wave>> waves_of(const Json& spec) {
    std::vector<Wave> waves;
    const Json* list = find(spec, "waves");
    if (!list || !list->is_array() || list->get_array().empty())
        return wrong("spec.waves", "want at least one wave");
    for (std::size_t i = 0; i < list->get_array().size(); ++i) {
        const Json& value = list->get_array()[i];
        const std::string path = "spec.waves[" + std::to_string(i) + "]";
        const auto count = find_integer(value, "count");
        const auto percent = find_number(value, "percent");
        if (count.has_value() == percent.has_value())
            return wrong(path, "want either count or percent");
        Wave wave;
        wave.count = static_cast<std::uint64_t>(count.value_or(0));
        wave.percent = percent.value_or(0);
        if (const auto text = find_string(value, "soak")) {
            auto soak = parse_duration(*text);
            if (!soak) return wrong(path + ".soak", soak.error().message);
            wave.soak = *soak;
        }
        if (!waves.empty() && percent && waves.back().percent > 0 &&
            *percent <= waves.back().percent)
            return wrong(path, "must be more than the wave before; waves count devices in all");
        waves.push_back(wave);
    }
    if (waves.back().percent != 100)
        return wrong("spec.waves", "the last wave must be percent: 100");
    return waves;
}

Result<Aim> aim_of(const Resource& rollout, const Resource& artifact, Mode mode) {
    Aim aim;
    aim.rollout = rollout.name;
    aim.shadow = mode == Mode::shadow;
    aim.shelf = artifact.kind == "Firmware" ? Aim::Shelf::firmware : Aim::Shelf::models;
    if (aim.shelf == Aim::Shelf::firmware && mode == Mode::shadow)
        return wrong("spec.mode", "firmware can't run in a shadow; want replace or ab");
    TRY(aim.product,
        want_string(artifact.spec, aim.shelf == Aim::Shelf::models ? "model" : "product"));
    TRY(aim.version, want_string(artifact.spec, "version"));
    return aim;
}

}  // namespace

std::string_view to_string(Mode mode) {
    return mode == Mode::ab ? "ab" : mode == Mode::shadow ? "shadow" : "replace";
}

std::string_view to_string(Metric metric) { return metric_names[static_cast<std::size_t>(metric)]; }

std::string name_of(const Guardrail& guardrail) {
    const std::string name(to_string(guardrail.metric));
    return guardrail.metric == Metric::kpi ? name + " " + guardrail.kpi : name;
}

std::uint64_t Plan::size_of_wave(std::size_t number, std::uint64_t population) const {
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < std::min(number, waves.size()); ++i) {
        const Wave& wave = waves[i];
        const double share = std::ceil(wave.percent / 100 * double(population) - 1e-9);
        size = std::max(size, wave.count > 0 ? wave.count : std::uint64_t(share));
    }
    return std::min(size, population);
}

Result<Plan> plan_of(const Resource& rollout, const Resource& artifact) {
    Plan plan;
    const Json& spec = rollout.spec;
    const std::string mode = find_string(spec, "mode").value_or("replace");
    plan.mode = mode == "ab" ? Mode::ab : mode == "shadow" ? Mode::shadow : Mode::replace;
    TRY(plan.aim, aim_of(rollout, artifact, plan.mode));
    plan.use_case = find_string(spec, "use_case").value_or("");
    plan.selector_text = find_string(spec, "selector").value_or("");
    TRY(plan.selector, parse_label_selector(plan.selector_text).context("spec.selector"));
    TRY(plan.waves, waves_of(spec));
    TRY(plan.guardrails, guardrails_of(spec));
    plan.stratify_by = texts_at(spec, "stratify_by");
    plan.device_classes = texts_at(artifact.spec, "device_classes");
    plan.approval =
        find(spec, "approval") ? texts_at(spec, "approval") : std::vector<std::string>{"releaser"};
    TRY(plan.pre_period, duration_at(spec, "pre_period", plan.pre_period));
    TRY(plan.install_within, duration_at(spec, "install_within", plan.install_within));
    plan.looks = static_cast<int>(find_integer(spec, "looks").value_or(plan.looks));
    plan.alpha = find_number(spec, "alpha").value_or(plan.alpha);
    plan.min_power_effect = find_number(spec, "min_power_effect").value_or(plan.min_power_effect);
    plan.proceed_when_unclear = find_string(spec, "on_inconclusive") == "proceed";
    plan.paused = find_bool(spec, "paused").value_or(false);
    plan.abort = find_bool(spec, "abort").value_or(false);
    plan.resume_count = find_integer(spec, "resume_after_inconclusive").value_or(0);
    const bool asks_kpi = std::any_of(plan.guardrails.begin(), plan.guardrails.end(),
                                      [](const Guardrail& g) { return g.metric == Metric::kpi; });
    if (asks_kpi && plan.use_case.empty())
        return wrong("spec.use_case", "a guardrail of metric kpi needs the use case");
    return plan;
}

}  // namespace mw::rollouts
