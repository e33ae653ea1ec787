// Windows for trainers that are not ours, and what becomes of their ONNX files.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "insight/detectors/detectors.h"
#include "insight/detectors/onnx_graph.h"

namespace mw::detectors {
namespace {

constexpr std::string_view outside_pipeline =
    "version: 1\ninputs: [{name: flow}, {name: load}]\nwindow: {kind: tumbling, rows: 2}\n"
    "features:\n  - {name: \"flow, mean\", input: flow, center: 30, scale: 3}\n"
    "  - {name: load_last, input: load, statistic: last}\nthreshold: {raise: 2}\n";

inference::Engine& outside_engine() {
    static const auto opened = inference::open_onnx_runtime().value();
    return *opened;
}

Recording six_rows() {
    Recording r;
    r.signals = {"load", "flow"};
    for (int i = 0; i < 6; ++i) {
        r.times.push_back({1'000'000'000LL * i});
        r.values.insert(r.values.end(), {static_cast<double>(i), 31 + 0.1 * i});
        r.labels.push_back(i >= 4);
    }
    return r;
}

// The score is the sum of so many features.
Bytes summing(std::int64_t features, float factor = 1) {
    OnnxGraph onnx("sum");
    onnx.input("x", {1, features});
    onnx.output("y", {1, 1});
    onnx.constant("w", {features, 1},
                  std::vector<float>(static_cast<std::size_t>(features), factor));
    onnx.node("MatMul", {"x", "w"}, {"y"});
    return onnx.bytes();
}

Windows six_windows() {
    return windows_of({six_rows()}, *pipeline::parse_spec(outside_pipeline)).value();
}

TEST(Outside, windows_are_written_as_the_model_will_see_them) {
    const Windows windows = six_windows();
    ASSERT_EQ(windows.size(), 3u);
    const std::string csv = windows_csv(windows, {six_rows()});
    EXPECT_TRUE(
        csv.starts_with("recording,time,label,\"flow, mean\",load_last\n"
                        "0,1000000000,0,0.35"))
        << csv;
    // The last window, digit by digit: its floats are read back to the same bits.
    const std::string last = csv.substr(csv.rfind("0,5000000000,1,") + 15);
    EXPECT_EQ(std::stof(last), windows.at(2)[0]);
    EXPECT_EQ(last.substr(last.find(',')), ",5\n");
    Recording unlabelled = six_rows();
    unlabelled.labels.clear();
    EXPECT_NE(windows_csv(windows, {unlabelled}).find("0,5000000000,,"), std::string::npos);
}

TEST(Outside, a_model_that_fits_becomes_a_bundle_with_its_reference) {
    const Windows windows = six_windows();
    std::string changed(outside_pipeline);
    changed.replace(changed.find("raise: 2"), 8, "raise: 9");  // the trainer knows its threshold
    const auto bundle =
        outside_bundle({summing(2), changed, "# Card\n"}, windows, outside_engine());
    ASSERT_TRUE(bundle.ok()) << bundle.error().message;
    SimulatedClock clock;
    const auto loaded = pipeline::load_bundle(*bundle, outside_engine(), clock);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded->pipeline.spec().raise_at, 9);
    EXPECT_EQ(loaded->reference.features[1].n, 3u);
    EXPECT_EQ(loaded->reference.features[1].mean, 3);  // 1, 3 and 5
    EXPECT_EQ(loaded->reference.score.n, 3u);
    EXPECT_EQ(loaded->card, "# Card\n");
}

TEST(Outside, a_model_that_does_not_fit_says_what) {
    const Windows windows = six_windows();
    std::string other(outside_pipeline);
    other.replace(other.find("center: 30"), 10, "center: 31");
    const struct {
        OutsideModel model;
        const char* why;
    } rows[] = {
        {{summing(3), std::string(outside_pipeline), ""}, "model.onnx"},
        {{bytes_of("no model").empty() ? Bytes{} : Bytes{1, 2, 3}, std::string(outside_pipeline),
          ""},
         "model.onnx"},
        {{summing(2), other, ""}, "pipeline.yaml was changed in what the model is fed"},
        {{summing(2, std::numeric_limits<float>::infinity()), std::string(outside_pipeline), ""},
         "gives no finite score for window 0"},
    };
    for (const auto& row : rows) {
        const auto refused = outside_bundle(row.model, windows, outside_engine());
        ASSERT_FALSE(refused.ok()) << row.why;
        EXPECT_NE(refused.error().message.find(row.why), std::string::npos)
            << refused.error().message;
    }
}

TEST(Outside, pipelines_that_have_no_windows_of_rows_alone_are_refused) {
    auto spec = *pipeline::parse_spec(outside_pipeline);
    EXPECT_NE(windows_of({six_rows().part(0, 1)}, spec).error().message.find("fill no window"),
              std::string::npos);
    spec.baseline.rate = 0.1;
    EXPECT_NE(windows_of({six_rows()}, spec).error().message.find("baseline"), std::string::npos);
}

TEST(Outside, a_grid_is_the_pipelines_own) {
    auto spec = *pipeline::parse_spec(outside_pipeline);
    spec.resample.every = milliseconds{500};
    const auto windows = windows_of({six_rows()}, spec);
    ASSERT_TRUE(windows.ok());
    EXPECT_EQ(windows->size(), 5u);  // 11 rows of half a second
}

}  // namespace
}  // namespace mw::detectors
