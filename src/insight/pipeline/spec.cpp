#include "insight/pipeline/spec.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "insight/pipeline/yaml_reader.h"

namespace mw::pipeline {
namespace {

using features::Extent;
using features::OnBad;
using features::WindowKind;

constexpr std::string_view score_prefix = "score:";

Result<void> read_inputs(const Section& root, Spec& spec) {
    TRY(const auto items, root.list("inputs", features::max_inputs));
    for (const Section& item : items) {
        Input input;
        TRY(input.name, item.text("name"));
        TRY(input.signal, item.text_or("signal", input.name));
        TRY(input.model, item.text_or("model", ""));
        if (item.has("model") && (item.has("signal") || input.model.empty()))
            return item.error("model: want the name of a model, and no signal beside it");
        if (input.model.empty() && input.signal.starts_with(score_prefix))
            return item.error("signal: the score of a model is taken by 'model: NAME'");
        if (!input.model.empty()) input.signal = score_signal(input.model);
        TRY_VOID(item.only({"name", "signal", "model"}));
        spec.plan.inputs.push_back(input.name);
        spec.inputs.push_back(std::move(input));
    }
    return {};
}

Result<void> read_align(const Section& align, Spec& spec) {
    TRY(spec.align.tolerance, align.duration_or("tolerance", spec.align.tolerance));
    TRY(spec.align.wait, align.duration_or("wait", spec.align.wait));
    TRY(spec.align.max_pending, align.count_or("max_pending", 8192, 1, 1'000'000));
    TRY(spec.align.max_ahead, align.duration_or("max_ahead", spec.align.max_ahead));
    TRY(const Section resample, align.part("resample"));
    features::ResampleOptions& grid = spec.resample;
    TRY(grid.every, resample.duration_or("every", {}));
    TRY(const auto fill, resample.choice("fill", {"linear", "hold"}, "linear"));
    grid.fill = static_cast<features::Fill>(fill);
    TRY(grid.reach, resample.duration_or("reach", {}));
    if (grid.every.count() < 0 || grid.reach.count() < 0)
        return resample.error("every: and reach must not be negative");
    if (align.has("resample") && grid.every.count() == 0)
        return resample.error("every: is missing");
    TRY_VOID(resample.only({"every", "fill", "reach"}));
    return align.only({"tolerance", "wait", "max_pending", "max_ahead", "resample"});
}

Result<Extent> read_extent(const Section& section, Extent fallback) {
    const bool rows = section.has("rows"), time = section.has("time");
    if (rows && time) return section.error("rows: give rows or time, not both");
    if (!rows && !time) return fallback;
    Extent extent;
    if (rows) {
        TRY(extent.rows, section.count_or("rows", 1, 1, features::max_window_rows));
    } else {
        TRY(extent.time, section.duration_or("time", {}));
        if (extent.time.count() <= 0) return section.error("time: must be longer than 0");
    }
    return extent;
}

Result<std::uint32_t> input_index(const Section& item, std::string_view key, const Spec& spec) {
    TRY(const std::string name, item.text(key));
    for (std::size_t i = 0; i < spec.inputs.size(); ++i)
        if (spec.inputs[i].name == name) return static_cast<std::uint32_t>(i);
    return item.error(std::string(key) + ": there is no input '" + name + "'");
}

Result<void> read_trigger(const Section& section, Spec& spec) {
    features::Window& window = spec.plan.window;
    const bool event = window.kind == WindowKind::event;
    if (event != section.has("trigger"))
        return section.error(event ? "trigger: is missing" : "trigger: only with event windows");
    if (!event) return {};
    TRY(const Section trigger, section.part("trigger"));
    TRY(window.trigger.input, input_index(trigger, "input", spec));
    TRY(window.trigger.above, trigger.number_or("above", 0));
    TRY(window.trigger.after, trigger.count_or("after", 0, 0, features::max_window_rows));
    return trigger.only({"input", "above", "after"});
}

Result<void> read_window(const Section& section, Spec& spec) {
    features::Window& window = spec.plan.window;
    TRY(const auto kind,
        section.choice("kind", {"sliding", "tumbling", "session", "event"}, "sliding"));
    window.kind = static_cast<WindowKind>(kind);
    TRY(window.length, read_extent(section, Extent{}));
    if (window.length.empty() && window.kind != WindowKind::session)
        return section.error("rows or time: is missing");
    TRY(const Section every, section.part("every"));
    if (window.kind != WindowKind::sliding && section.has("every"))
        return section.error("every: only sliding windows overlap, leave it out");
    TRY_VOID(read_trigger(section, spec));
    const Extent step = window.length.by_rows() ? Extent{1, {}} : Extent{0, window.length.time};
    TRY(window.every, read_extent(every, step));
    TRY_VOID(every.only({"rows", "time"}));
    TRY(window.min_rows, section.count_or("min_rows", 0, 0, features::max_window_rows));
    TRY(window.max_rows, section.count_or("max_rows", 4096, 1, features::max_window_rows));
    TRY(window.max_gap, section.duration_or("max_gap", {}));
    return section.only(
        {"kind", "rows", "time", "every", "min_rows", "max_rows", "max_gap", "trigger"});
}

Result<void> read_on_bad(const Section& section, Spec& spec) {
    TRY(const auto policy, section.choice("policy", {"skip", "hold"}, "skip"));
    spec.plan.on_bad = policy == 1 ? OnBad::hold : OnBad::skip;
    if (policy == 0 && section.has("hold_rows"))
        return section.error("hold_rows: only with policy hold");
    TRY(spec.plan.hold_rows,
        section.count_or("hold_rows", policy == 1 ? 1 : 0, 0, features::max_window_rows));
    return section.only({"policy", "hold_rows"});
}

Result<void> read_frequencies(const Section& item, std::string_view key, double& low,
                              double& high) {
    TRY(const Section band, item.part(key));
    TRY(low, band.number_or("low", 0));
    TRY(high, band.number_or("high", 0));
    return band.only({"low", "high"});
}

// Every statistic has its own few keys; others are errors.
Result<void> read_detail(const Section& item, const Spec& spec, features::Feature& feature) {
    using features::Statistic;
    features::Detail& detail = feature.detail;
    const Statistic statistic = feature.statistic;
    const auto only_with = [&](std::string_view key, bool fits) -> Result<void> {
        if (fits || !item.has(key)) return {};
        return item.error(std::string(key) + ": statistic " + std::string(to_string(statistic)) +
                          " has none");
    };
    TRY_VOID(only_with("with", needs_other(statistic)));
    TRY_VOID(only_with("lag", needs_lag(statistic)));
    TRY_VOID(only_with("share", statistic == Statistic::quantile));
    TRY_VOID(only_with("weight", statistic == Statistic::ewma));
    TRY_VOID(only_with("band", needs_band(statistic)));
    TRY_VOID(only_with("modulation", statistic == Statistic::envelope));
    TRY_VOID(only_with("utc_offset", statistic == Statistic::hour_of_week));
    if (needs_other(statistic)) {
        TRY(detail.other, input_index(item, "with", spec));
    }
    TRY(detail.lag, item.count_or("lag", 0, 0, features::max_window_rows));
    TRY(detail.share, item.number_or("share", detail.share));
    TRY(detail.weight, item.number_or("weight", detail.weight));
    TRY_VOID(read_frequencies(item, "band", detail.low, detail.high));
    TRY_VOID(read_frequencies(item, "modulation", detail.modulation_low, detail.modulation_high));
    TRY(const double offset, item.number_or("utc_offset", 0));
    if (std::abs(offset) > 1440 || offset != std::floor(offset))
        return item.error("utc_offset: want whole minutes within a day");
    detail.utc_offset_minutes = static_cast<std::int32_t>(offset);
    return {};
}

Result<void> read_features(const Section& root, Spec& spec) {
    TRY(const auto items, root.list("features", features::max_features));
    for (const Section& item : items) {
        features::Feature feature;
        TRY(feature.name, item.text("name"));
        TRY(feature.input, input_index(item, "input", spec));
        TRY(const std::string statistic, item.text_or("statistic", "mean"));
        auto parsed = features::parse_statistic(statistic);
        if (!parsed) return item.error("statistic: " + parsed.error().message);
        feature.statistic = *parsed;
        TRY_VOID(read_detail(item, spec, feature));
        TRY(const Section over, item.part("over"));
        TRY(feature.over, read_extent(over, Extent{}));
        TRY_VOID(over.only({"rows", "time"}));
        TRY(feature.center, item.number_or("center", 0));
        TRY(feature.scale, item.number_or("scale", 1));
        TRY_VOID(item.only({"name", "input", "statistic", "over", "center", "scale", "with", "lag",
                            "share", "weight", "band", "modulation", "utc_offset"}));
        spec.plan.features.push_back(std::move(feature));
    }
    return {};
}

Result<void> read_baseline(const Section& section, Spec& spec) {
    TRY(spec.baseline.rate, section.number_or("rate", 0));
    if (section.has("rate") && !(spec.baseline.rate > 0 && spec.baseline.rate <= 1))
        return section.error("rate: must be above 0 and at most 1");
    TRY(spec.baseline.frozen_max,
        section.count_or("frozen_max", spec.baseline.frozen_max, 0, 100'000'000));
    return section.only({"rate", "frozen_max"});
}

Result<void> read_model(const Section& section, Spec& spec) {
    TRY(const std::string file, section.text_or("file", "model.onnx"));
    if (file != "model.onnx") return section.error("file: must be model.onnx, the bundle's model");
    TRY(spec.model_input, section.text_or("input", ""));
    TRY(spec.model_output, section.text_or("output", ""));
    TRY(spec.output_index, section.count_or("index", 0, 0, 1'000'000));
    return section.only({"file", "input", "output", "index"});
}

Result<void> read_score(const Section& section, Spec& spec) {
    TRY(const auto smoothing, section.choice("smoothing", {"none", "mean", "median"}, "none"));
    spec.smoothing = static_cast<Smoothing>(smoothing);
    if (smoothing == 0 && section.has("scores"))
        return section.error("scores: only with smoothing mean or median");
    TRY(spec.smoothing_scores,
        section.count_or("scores", smoothing == 0 ? 1 : 5, 1, smoothing_scores_max));
    return section.only({"smoothing", "scores"});
}

Result<void> read_threshold(const Section& section, Spec& spec) {
    TRY(spec.raise_at, section.number_or("raise", 1));
    TRY(spec.clear_at, section.number_or("clear", spec.raise_at));
    if (spec.clear_at > spec.raise_at) return section.error("clear: must not be above raise");
    TRY(spec.raise_after, section.count_or("raise_after", 1, 1, 1'000'000));
    TRY(spec.clear_after, section.count_or("clear_after", 1, 1, 1'000'000));
    return section.only({"raise", "clear", "raise_after", "clear_after"});
}

Result<void> read_fallback(const Section& section, Spec& spec) {
    TRY(const auto decision, section.choice("decision", {"hold", "off", "on"}, "hold"));
    spec.fallback = static_cast<FallbackDecision>(decision);
    if (section.has("stale_after")) {
        TRY(spec.stale_after, section.duration_or("stale_after", {}));
        if (spec.stale_after->count() != 0 && *spec.stale_after < seconds{1})
            return section.error("stale_after: want at least 1s, or 0s for never");
    }
    return section.only({"decision", "stale_after"});
}

Result<void> read_parts(const Section& root, Spec& spec) {
    using Read = Result<void> (*)(const Section&, Spec&);
    constexpr std::pair<const char*, Read> parts[] = {
        {"align", read_align},       {"window", read_window},    {"on_bad", read_on_bad},
        {"model", read_model},       {"score", read_score},      {"threshold", read_threshold},
        {"fallback", read_fallback}, {"baseline", read_baseline}};
    for (const auto& [name, read] : parts) {
        TRY(const Section section, root.part(name));
        TRY_VOID(read(section, spec));
    }
    return {};
}

// A JSON string is a YAML string too, and needs no rules of its own about what must be quoted.
std::string quoted(const std::string& text) { return to_json(Json(text)); }

std::string number(double value) {  // the shortest text that reads back as the same bits
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return {text, end};
}

std::string extent_text(const Extent& extent) {
    return extent.by_rows() ? "rows: " + std::to_string(extent.rows)
                            : "time: " + mw::to_text(extent.time);
}

std::string window_text(const Spec& spec) {
    const features::Window& window = spec.plan.window;
    const bool sliding = window.kind == WindowKind::sliding;
    constexpr const char* kinds[] = {"sliding", "tumbling", "session", "event"};
    std::string text =
        "window:\n  kind: " + std::string(kinds[static_cast<int>(window.kind)]) + "\n";
    if (!window.length.empty()) text += "  " + extent_text(window.length) + "\n";
    if (window.kind == WindowKind::event)
        text += "  trigger: {input: " + quoted(spec.inputs[window.trigger.input].name) +
                ", above: " + number(window.trigger.above) +
                ", after: " + std::to_string(window.trigger.after) + "}\n";
    if (sliding) text += "  every: {" + extent_text(window.every) + "}\n";
    if (window.min_rows > 0) text += "  min_rows: " + std::to_string(window.min_rows) + "\n";
    if (!window.length.by_rows()) text += "  max_rows: " + std::to_string(window.max_rows) + "\n";
    if (window.max_gap.count() > 0) text += "  max_gap: " + mw::to_text(window.max_gap) + "\n";
    if (spec.plan.on_bad == OnBad::hold)
        text += "on_bad: {policy: hold, hold_rows: " + std::to_string(spec.plan.hold_rows) + "}\n";
    return text;
}

std::string frequencies_text(double low, double high) {
    return "{low: " + number(low) + ", high: " + number(high) + "}";
}

std::string detail_text(const Spec& spec, const features::Feature& feature) {
    using features::Statistic;
    const features::Detail& detail = feature.detail;
    std::string text;
    if (needs_other(feature.statistic)) text += ", with: " + quoted(spec.inputs[detail.other].name);
    if (needs_lag(feature.statistic)) text += ", lag: " + std::to_string(detail.lag);
    if (feature.statistic == Statistic::quantile) text += ", share: " + number(detail.share);
    if (feature.statistic == Statistic::ewma) text += ", weight: " + number(detail.weight);
    if (needs_band(feature.statistic))
        text += ", band: " + frequencies_text(detail.low, detail.high);
    if (feature.statistic == Statistic::envelope)
        text += ", modulation: " + frequencies_text(detail.modulation_low, detail.modulation_high);
    if (feature.statistic == Statistic::hour_of_week)
        text += ", utc_offset: " + std::to_string(detail.utc_offset_minutes);
    return text;
}

std::string features_text(const Spec& spec) {
    std::string text = "features:\n";
    for (const auto& feature : spec.plan.features) {
        text += "  - {name: " + quoted(feature.name) +
                ", input: " + quoted(spec.inputs[feature.input].name) +
                ", statistic: " + std::string(to_string(feature.statistic)) +
                detail_text(spec, feature);
        if (!feature.over.empty()) text += ", over: {" + extent_text(feature.over) + "}";
        text += ", center: " + number(feature.center) + ", scale: " + number(feature.scale) + "}\n";
    }
    return text;
}

std::string model_text(const Spec& spec) {
    std::string text = "model:\n  file: model.onnx\n";
    if (!spec.model_input.empty()) text += "  input: " + quoted(spec.model_input) + "\n";
    if (!spec.model_output.empty()) text += "  output: " + quoted(spec.model_output) + "\n";
    if (spec.output_index > 0) text += "  index: " + std::to_string(spec.output_index) + "\n";
    constexpr const char* kinds[] = {"none", "mean", "median"};
    if (spec.smoothing != Smoothing::none)
        text += "score: {smoothing: " + std::string(kinds[static_cast<int>(spec.smoothing)]) +
                ", scores: " + std::to_string(spec.smoothing_scores) + "}\n";
    constexpr const char* fallbacks[] = {"hold", "off", "on"};
    std::string after;
    if (spec.raise_after > 1) after += ", raise_after: " + std::to_string(spec.raise_after);
    if (spec.clear_after > 1) after += ", clear_after: " + std::to_string(spec.clear_after);
    const std::string stale =
        spec.stale_after ? ", stale_after: " + mw::to_text(*spec.stale_after) : "";
    return text + "threshold: {raise: " + number(spec.raise_at) +
           ", clear: " + number(spec.clear_at) + after + "}\nfallback: {decision: \"" +
           fallbacks[static_cast<int>(spec.fallback)] + "\"" + stale + "}\n";
}

}  // namespace

std::string score_signal(std::string_view model) {
    return std::string(score_prefix) + std::string(model);
}

Input input_of(const std::string& column) {
    Input input{column, column, {}};
    if (column.starts_with(score_prefix)) input.model = column.substr(score_prefix.size());
    return input;
}

std::vector<std::string> Spec::fed_by() const {
    std::vector<std::string> models;
    for (const Input& input : inputs)
        if (!input.model.empty() && std::ranges::find(models, input.model) == models.end())
            models.push_back(input.model);
    return models;
}

std::vector<std::string> Spec::signals() const {
    std::vector<std::string> names;
    for (const Input& input : inputs) names.push_back(input.signal);
    return names;
}

Result<Spec> parse_spec(std::string_view yaml) {
    if (yaml.size() > spec_bytes_max)
        return Error{Errc::invalid_input, "pipeline.yaml is larger than 8 MB"};
    TRY(const auto documents, parse_yaml(yaml));
    if (documents.size() != 1)
        return Error{Errc::invalid_input, "pipeline.yaml must hold one document, it has " +
                                              std::to_string(documents.size())};
    TRY(const Section root, Section::root(documents[0]));
    if (auto version = root.count("version", 1, 1); !version) return std::move(version).error();
    Spec spec;
    TRY_VOID(read_inputs(root, spec));
    TRY_VOID(read_parts(root, spec));
    TRY_VOID(read_features(root, spec));
    TRY_VOID(root.only({"version", "inputs", "align", "window", "on_bad", "features", "baseline",
                        "model", "score", "threshold", "fallback"}));
    TRY_VOID(features::check(spec.plan));
    if (spec.plan.window.kind >= WindowKind::session && spec.smoothing != Smoothing::none)
        return Error{Errc::invalid_input,
                     "score.smoothing: session and event windows have one score each, use none"};
    return spec;
}

std::string to_yaml(const Spec& spec) {
    std::string text = "version: 1\ninputs:\n";
    for (const Input& input : spec.inputs)
        text += "  - {name: " + quoted(input.name) +
                (input.model.empty() ? ", signal: " + quoted(input.signal)
                                     : ", model: " + quoted(input.model)) +
                "}\n";
    text += "align: {tolerance: " + mw::to_text(spec.align.tolerance) +
            ", wait: " + mw::to_text(spec.align.wait) +
            ", max_pending: " + std::to_string(spec.align.max_pending) +
            ", max_ahead: " + mw::to_text(spec.align.max_ahead);
    if (spec.resample.every.count() > 0) {
        text += ", resample: {every: " + mw::to_text(spec.resample.every) +
                ", fill: " + (spec.resample.fill == features::Fill::linear ? "linear" : "hold");
        if (spec.resample.reach.count() > 0) text += ", reach: " + mw::to_text(spec.resample.reach);
        text += "}";
    }
    text += "}\n" + window_text(spec) + features_text(spec);
    if (spec.baseline.rate > 0)
        text += "baseline: {rate: " + number(spec.baseline.rate) +
                ", frozen_max: " + std::to_string(spec.baseline.frozen_max) + "}\n";
    return text + model_text(spec);
}

}  // namespace mw::pipeline
