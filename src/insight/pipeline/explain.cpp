#include "insight/pipeline/explain.h"

#include <charconv>

namespace mw::pipeline {
namespace {

using features::Detail;
using features::Feature;
using features::Statistic;
using features::WindowKind;

std::string plain(double value) {
    char text[32];
    const auto end =
        std::to_chars(text, text + sizeof text, value, std::chars_format::general, 6).ptr;
    return {text, end};
}

std::string length_of(const features::Extent& extent) {
    return extent.by_rows() ? std::to_string(extent.rows) + (extent.rows == 1 ? " row" : " rows")
                            : mw::to_text(extent.time);
}

std::string hertz(double low, double high) { return plain(low) + " to " + plain(high) + " Hz"; }

// "mean of flow", "RMS of flow between 10 and 100 Hz".
std::string formula_of(const Spec& spec, const Feature& feature) {
    const std::string a = spec.inputs[feature.input].name;
    const Detail& d = feature.detail;
    const auto b = [&] { return spec.inputs[d.other].name; };
    switch (feature.statistic) {
        case Statistic::range:
            return "largest minus smallest of " + a;
        case Statistic::deviation:
            return "standard deviation of " + a;
        case Statistic::crest:
            return "largest magnitude over RMS of " + a;
        case Statistic::slope:
            return "slope of " + a + " per second";
        case Statistic::quantile:
            return "quantile " + plain(d.share) + " of " + a;
        case Statistic::zero_crossings:
            return "crossings of its mean per second, of " + a;
        case Statistic::band:
            return "RMS of " + a + " within " + hertz(d.low, d.high);
        case Statistic::spectral_kurtosis:
            return "largest spectral kurtosis of " + a + " within " + hertz(d.low, d.high);
        case Statistic::envelope:
            return "RMS, within " + hertz(d.modulation_low, d.modulation_high) +
                   ", of the envelope of what " + a + " has within " + hertz(d.low, d.high);
        case Statistic::lag:
            return a + ", " + std::to_string(d.lag) + " rows before the last";
        case Statistic::ewma:
            return "exponentially weighted mean of " + a + ", the last value counting " +
                   plain(d.weight);
        case Statistic::rate:
            return "counts of " + a + " per second; a fall is a restart";
        case Statistic::autocorrelation:
            return "correlation of " + a + " with itself " + std::to_string(d.lag) +
                   " rows earlier";
        case Statistic::correlation:
            return "correlation of " + a + " with " + b() + " " + std::to_string(d.lag) +
                   " rows earlier";
        case Statistic::difference:
            return "mean of " + a + " - " + b();
        case Statistic::product:
            return "mean of " + a + " x " + b();
        case Statistic::ratio:
            return "mean of " + a + " / mean of " + b();
        case Statistic::hour_of_week:
            return "hour of the week, 0 is Monday 00:00, " + std::to_string(d.utc_offset_minutes) +
                   " minutes ahead of UTC";
        default:
            return std::string(to_string(feature.statistic)) + " of " + a;
    }
}

std::string window_words(const features::Window& window, const Spec& spec) {
    switch (window.kind) {
        case WindowKind::sliding:
            return "the last " + length_of(window.length) + ", every " + length_of(window.every);
        case WindowKind::tumbling:
            return length_of(window.length) + ", then the next " + length_of(window.length);
        case WindowKind::session:
            return "all rows between pauses of more than " + mw::to_text(window.max_gap) +
                   ", at most " + std::to_string(window.max_rows) + " rows";
        case WindowKind::event:
            return length_of(window.length) + " that end " + std::to_string(window.trigger.after) +
                   " rows after " + spec.inputs[window.trigger.input].name + " rises to " +
                   plain(window.trigger.above);
    }
    return {};
}

std::string rows_words(const Spec& spec) {
    std::string text = "rows: points of one time; a row waits " + mw::to_text(spec.align.wait) +
                       " for a missing signal\n";
    const features::ResampleOptions& grid = spec.resample;
    if (grid.every.count() > 0)
        text += "grid: every " + mw::to_text(grid.every) +
                (grid.fill == features::Fill::linear ? ", on straight lines between values"
                                                     : ", holding the last value") +
                "\n";
    if (spec.plan.on_bad == features::OnBad::hold)
        text += "bad values: the last usable one stands in for " +
                std::to_string(spec.plan.hold_rows) + " rows\n";
    else
        text += "bad values: left out\n";
    return text;
}

std::string decision_words(const Spec& spec) {
    std::string text = "score: " + std::string("the model's output ") +
                       (spec.model_output.empty() ? "" : "'" + spec.model_output + "' ") + "[" +
                       std::to_string(spec.output_index) + "]";
    if (spec.smoothing != Smoothing::none)
        text += std::string(", ") + (spec.smoothing == Smoothing::mean ? "mean" : "median") +
                " of the last " + std::to_string(spec.smoothing_scores);
    text += "\nalarm: at " + plain(spec.raise_at) + " or more, " +
            std::to_string(spec.raise_after) + " in a row; ends below " + plain(spec.clear_at) +
            ", " + std::to_string(spec.clear_after) + " in a row\n";
    constexpr const char* fallbacks[] = {"hold the last decision", "off", "on"};
    text += std::string("when inputs or model fail: ") +
            fallbacks[static_cast<int>(spec.fallback)] + ", and the decision says so\n";
    if (!spec.stale_after) return text;
    if (spec.stale_after->count() == 0) return text + "when no window comes: nothing is decided\n";
    return text + "when no window comes for " + mw::to_text(*spec.stale_after) + ": the same\n";
}

}  // namespace

std::string explain(const Spec& spec) {
    std::string text = "inputs:\n";
    for (const Input& input : spec.inputs)
        text += "  " + input.name +
                (!input.model.empty()         ? " = score of model '" + input.model + "'"
                 : input.name == input.signal ? ""
                                              : " = signal '" + input.signal + "'") +
                "\n";
    text += rows_words(spec) + "window: " + window_words(spec.plan.window, spec) + "\nfeatures:\n";
    for (const Feature& feature : spec.plan.features) {
        text += "  " + feature.name + " = " + formula_of(spec, feature);
        if (!feature.over.empty()) text += " over the last " + length_of(feature.over);
        if (feature.center != 0 || feature.scale != 1)
            text +=
                "; the model gets (it - " + plain(feature.center) + ") / " + plain(feature.scale);
        text += "\n";
    }
    if (spec.baseline.rate > 0)
        text += "baseline: each feature above its own slow level, which takes " +
                plain(spec.baseline.rate) + " of every new frame, and none while alarmed, for " +
                std::to_string(spec.baseline.frozen_max) + " frames\n";
    text += decision_words(spec);
    if (const auto extractor = features::Extractor::open(spec.plan)) {
        const features::Memory memory = extractor->memory(spec.smoothing_scores);
        text += "memory: after a restart it needs the last " + std::to_string(memory.rows) +
                " rows" +
                (memory.span.count() > 0 ? " and " + mw::to_text(memory.span) + " of them" : "") +
                (spec.remembers() ? ", and its checkpoint for levels and scores" : "") + "\n";
    }
    return text;
}

}  // namespace mw::pipeline
