#include "insight/pipeline/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "insight/pipeline/explain.h"

namespace mw::pipeline {
namespace {

constexpr std::string_view small = R"(version: 1
inputs:
  - {name: flow, signal: Volume Flow RateRMS}
window: {rows: 60}
features:
  - {name: flow_mean, input: flow}
)";

constexpr std::string_view full = R"(version: 1
inputs:
  - {name: flow, signal: "Volume Flow RateRMS"}
  - {name: pressure}
align: {tolerance: 5ms, wait: 2s, max_pending: 100, max_ahead: 2h}
window:
  kind: sliding
  time: 1m
  every: {time: 10s}
  min_rows: 10
  max_rows: 600
  max_gap: 30s
on_bad: {policy: hold, hold_rows: 3}
features:
  - {name: flow_mean, input: flow, statistic: mean, center: 32.01, scale: 0.1}
  - {name: flow_sd, input: flow, statistic: deviation, over: {time: 20s}}
  - {name: p, input: pressure, statistic: last}
model: {file: model.onnx, input: features, output: score, index: 1}
score: {smoothing: median, scores: 7}
threshold: {raise: 1, clear: 0.8}
fallback: {decision: on, stale_after: 90s}
)";

std::string refusal(std::string_view yaml) {
    const auto spec = parse_spec(yaml);
    return spec ? std::string("accepted") : spec.error().message;
}

std::string with(std::string_view from, std::string_view to) {
    std::string yaml(full);
    const auto at = yaml.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return yaml.replace(at, from.size(), to);
}

TEST(PipelineSpec, a_small_one_has_defaults_for_the_rest) {
    const auto spec = parse_spec(small);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_EQ(spec->signals(), std::vector<std::string>{"Volume Flow RateRMS"});
    EXPECT_EQ(spec->plan.window.length.rows, 60U);
    EXPECT_EQ(spec->plan.window.every.rows, 1U);
    EXPECT_EQ(spec->plan.features[0].statistic, features::Statistic::mean);
    EXPECT_EQ(spec->raise_at, 1);
    EXPECT_EQ(spec->smoothing, Smoothing::none);
}

TEST(PipelineSpec, every_key_is_read) {
    const auto spec = parse_spec(full);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_EQ(spec->inputs[1].signal, "pressure");
    EXPECT_EQ(spec->align.tolerance, milliseconds{5});
    EXPECT_EQ(spec->align.max_pending, 100U);
    EXPECT_EQ(spec->align.max_ahead, hours{2});
    EXPECT_EQ(spec->plan.window.length.time, minutes{1});
    EXPECT_EQ(spec->plan.window.max_gap, seconds{30});
    EXPECT_EQ(spec->plan.on_bad, features::OnBad::hold);
    EXPECT_EQ(spec->plan.features[1].over.time, seconds{20});
    EXPECT_EQ(spec->plan.features[0].center, 32.01);
    EXPECT_EQ(spec->output_index, 1U);
    EXPECT_EQ(spec->smoothing_scores, 7U);
    EXPECT_EQ(spec->clear_at, 0.8);
    EXPECT_EQ(spec->fallback, FallbackDecision::on);
    EXPECT_EQ(spec->stale_after, seconds{90});
}

TEST(PipelineSpec, its_own_text_reads_back_to_the_same_text) {
    for (const auto yaml : {small, full}) {
        const auto spec = parse_spec(yaml);
        ASSERT_TRUE(spec.ok());
        const std::string text = to_yaml(*spec);
        const auto again = parse_spec(text);
        ASSERT_TRUE(again.ok()) << again.error().message << "\n" << text;
        EXPECT_EQ(to_yaml(*again), text);
    }
}

constexpr std::string_view rich = R"(version: 1
inputs: [{name: a}, {name: b}]
align: {resample: {every: 10ms, fill: hold, reach: 1s}}
window: {kind: event, rows: 64, trigger: {input: b, above: 2.5, after: 8}}
features:
  - {name: q, input: a, statistic: quantile, share: 0.9}
  - {name: e, input: a, statistic: ewma, weight: 0.1}
  - {name: c, input: a, statistic: correlation, with: b, lag: 2}
  - {name: f, input: a, statistic: envelope, band: {low: 10, high: 20},
     modulation: {low: 1, high: 3}}
  - {name: h, input: a, statistic: hour_of_week, utc_offset: -90}
baseline: {rate: 0.01, frozen_max: 100}
threshold: {raise: 1, clear: 0.5, raise_after: 3, clear_after: 4}
)";

TEST(PipelineSpec, details_of_statistics_triggers_grids_and_baselines_are_read_and_written) {
    const auto spec = parse_spec(rich);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_EQ(spec->plan.features[0].detail.share, 0.9);
    EXPECT_EQ(spec->plan.features[1].detail.weight, 0.1);
    EXPECT_EQ(spec->plan.features[2].detail.other, 1U);
    EXPECT_EQ(spec->plan.features[2].detail.lag, 2U);
    EXPECT_EQ(spec->plan.features[3].detail.modulation_high, 3);
    EXPECT_EQ(spec->plan.features[4].detail.utc_offset_minutes, -90);
    EXPECT_EQ(spec->plan.window.kind, features::WindowKind::event);
    EXPECT_EQ(spec->plan.window.trigger.input, 1U);
    EXPECT_EQ(spec->resample.every, milliseconds{10});
    EXPECT_EQ(spec->baseline.rate, 0.01);
    EXPECT_EQ(spec->raise_after, 3U);
    EXPECT_EQ(spec->clear_after, 4U);
    const std::string text = to_yaml(*spec);
    const auto again = parse_spec(text);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(to_yaml(*again), text);
    EXPECT_EQ(again->plan.features[3].detail.modulation_high, 3);
}

TEST(PipelineSpec, is_explained_in_words) {
    const std::string text = explain(*parse_spec(rich));
    for (const char* words :
         {"grid: every 10ms, holding the last value", "rows that end 8 rows after b rises to 2.5",
          "q = quantile 0.9 of a", "c = correlation of a with b 2 rows earlier",
          "of the envelope of what a has within 10 to 20 Hz",
          "baseline: each feature above its own slow level",
          "alarm: at 1 or more, 3 in a row; ends below 0.5, 4 in a row"})
        EXPECT_THAT(text, testing::HasSubstr(words));
    EXPECT_THAT(explain(*parse_spec(full)),
                testing::HasSubstr("the model gets (it - 32.01) / 0.1"));
}

TEST(PipelineSpec, a_key_that_its_statistic_has_no_use_for_is_refused) {
    const auto changed = [](std::string_view from, std::string_view to) {
        std::string yaml(rich);
        yaml.replace(yaml.find(from), from.size(), to);
        return refusal(yaml);
    };
    EXPECT_EQ(changed("share: 0.9", "lag: 3"), "features[0].lag: statistic quantile has none");
    EXPECT_EQ(changed("with: b", "with: z"), "features[2].with: there is no input 'z'");
    EXPECT_EQ(changed("kind: event", "kind: sliding"), "window.trigger: only with event windows");
    EXPECT_EQ(changed("rate: 0.01", "rate: 2"), "baseline.rate: must be above 0 and at most 1");
    EXPECT_EQ(changed("baseline:", "score: {smoothing: mean}\nbaseline:"),
              "score.smoothing: session and event windows have one score each, use none");
}

TEST(PipelineSpec, scores_of_other_models_are_inputs) {
    const std::string rest = "window: {rows: 5}\nfeatures: [{name: f, input: residual}]\n";
    const auto spec = parse_spec(
        "version: 1\ninputs:\n  - {name: flow}\n"
        "  - {name: residual, model: pump-ae}\n"
        "  - {name: again, model: pump-ae}\n" +
        rest);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_EQ(spec->fed_by(), std::vector<std::string>{"pump-ae"});
    EXPECT_EQ(spec->signals(),
              (std::vector<std::string>{"flow", "score:pump-ae", "score:pump-ae"}));
    EXPECT_EQ(to_yaml(*parse_spec(to_yaml(*spec))), to_yaml(*spec));
    EXPECT_THAT(explain(*spec), testing::HasSubstr("  residual = score of model 'pump-ae'\n"));
    constexpr std::pair<const char*, const char*> wrong[] = {
        {"{name: residual, model: a, signal: b}", "inputs[0].model: want the name of a model"},
        {"{name: residual, signal: 'score:a'}", "inputs[0].signal: the score of a model"}};
    for (const auto& [input, why] : wrong) {
        const auto refused =
            parse_spec("version: 1\ninputs: [" + std::string(input) + "]\n" + rest);
        ASSERT_FALSE(refused.ok()) << input;
        EXPECT_THAT(refused.error().message, testing::HasSubstr(why));
    }
}

TEST(PipelineSpec, scaling_keeps_every_bit) {
    auto spec = parse_spec(small);
    spec->plan.features[0].center = 0.1 + 0.2;
    spec->plan.features[0].scale = 1e-300 / 3;
    const auto again = parse_spec(to_yaml(*spec));
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again->plan.features[0].center, 0.1 + 0.2);
    EXPECT_EQ(again->plan.features[0].scale, 1e-300 / 3);
}

TEST(PipelineSpec, awkward_names_survive) {
    auto spec = parse_spec(small);
    for (const std::string name : {"on", "1.5", "a: b", "quote\"s", "ä{}", "- x", "null"}) {
        spec->inputs[0].signal = name;
        const auto again = parse_spec(to_yaml(*spec));
        ASSERT_TRUE(again.ok()) << again.error().message;
        EXPECT_EQ(again->inputs[0].signal, name);
    }
}

TEST(PipelineSpec, faults_are_named_by_their_path) {
    EXPECT_EQ(refusal(full), "accepted");
    EXPECT_EQ(refusal(with("fallback:", "falback:")),
              "falback: is not known here; known are version, inputs, align, window, on_bad, "
              "features, baseline, model, score, threshold, fallback");
    EXPECT_EQ(refusal(with("wait: 2s", "wiat: 2s")),
              "align.wiat: is not known here; known are tolerance, wait, "
              "max_pending, max_ahead, resample");
    EXPECT_EQ(refusal(with("center: 32.01", "center: much")),
              "features[0].center: must be a number");
    EXPECT_EQ(refusal(with("input: pressure", "input: speed")),
              "features[2].input: there is no input 'speed'");
    EXPECT_THAT(refusal(with("statistic: deviation", "statistic: kurt")),
                testing::StartsWith("features[1].statistic: 'kurt' is no statistic; known are "
                                    "last, mean, min, max, range, deviation, rms, crest"));
    EXPECT_EQ(refusal(with("clear: 0.8", "clear: 1.8")),
              "threshold.clear: must not be above raise");
    EXPECT_EQ(refusal(with("time: 1m", "time: 1m\n  rows: 5")),
              "window.rows: give rows or time, not both");
    EXPECT_EQ(refusal(with("file: model.onnx", "file: ../x.onnx")),
              "model.file: must be model.onnx, the bundle's model");
    EXPECT_EQ(refusal(with("stale_after: 90s", "stale_after: 90ms")),
              "fallback.stale_after: want at least 1s, or 0s for never");
    EXPECT_EQ(refusal(with("version: 1", "version: 2")), "version: must be a whole number, 1 to 1");
    EXPECT_EQ(refusal(with("policy: hold", "policy: guess")),
              "on_bad.policy: must be one of skip, hold");
    EXPECT_EQ(refusal(with("scale: 0.1", "scale: 0")),
              "features[0].scale: must be a finite number other than 0");
}

TEST(PipelineSpec, what_is_no_pipeline_is_refused) {
    for (const std::string_view yaml : {"", "[]", "a: [", "just text", "---\na: 1\n---\nb: 2",
                                        "version: 1", "{version: 1, inputs: []}"})
        EXPECT_NE(refusal(yaml), "accepted") << yaml;
}

}  // namespace
}  // namespace mw::pipeline
