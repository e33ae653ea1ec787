#include "insight/detectors/outside.h"

#include <charconv>
#include <cmath>

#include "insight/detectors/windows.h"

namespace mw::detectors {
namespace {

void append_float(std::string& text, float value) {
    char digits[32];
    text.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// A field as CSV has it: in quotes, where it must be.
std::string csv_field(const std::string& text) {
    if (text.find_first_of("\",\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

bool same_features(const pipeline::Spec& a, const pipeline::Spec& b) {
    // The features' part of the text: inputs, windows and scaling decide what the model is fed.
    const auto head = [](const pipeline::Spec& spec) {
        const std::string text = to_yaml(spec);
        return text.substr(0, text.find("\nmodel:\n"));
    };
    return head(a) == head(b);
}

Result<pipeline::Reference> reference_by(inference::Model& model, std::uint32_t index,
                                         const Windows& windows) {
    pipeline::Reference reference;
    for (std::size_t j = 0; j < windows.width; ++j) {
        std::vector<double> column;
        for (std::size_t i = 0; i < windows.size(); ++i)
            column.push_back(windows.values[i * windows.width + j]);
        reference.features.push_back(
            pipeline::distribution_of(windows.spec.plan.features[j].name, column));
    }
    std::vector<double> scores;
    std::vector<float> out(model.output_size());
    for (std::size_t i = 0; i < windows.size(); ++i) {
        TRY_VOID(model.run(windows.at(i), out));
        if (!std::isfinite(out[index]))
            return bad_training("model.onnx gives no finite score for window " + std::to_string(i) +
                                " of its own training rows");
        scores.push_back(out[index]);
    }
    reference.score = pipeline::distribution_of("score", scores);
    return reference;
}

}  // namespace

Result<Windows> windows_of(const std::vector<Recording>& recordings, const pipeline::Spec& spec) {
    if (spec.baseline.rate > 0)
        return bad_training(
            "a pipeline with a baseline has levels that only a running pipeline knows; leave "
            "`baseline` out");
    Windows windows;
    windows.spec = spec;
    TRY_VOID(collect_windows(recordings, windows));
    if (windows.size() == 0)
        return bad_training("the rows fill no window of the pipeline; take more rows");
    return windows;
}

std::string windows_csv(const Windows& windows, const std::vector<Recording>& recordings) {
    std::string text = "recording,time,label";
    for (const auto& feature : windows.spec.plan.features) text += "," + csv_field(feature.name);
    text += "\n";
    for (std::size_t i = 0; i < windows.size(); ++i) {
        const Recording& recording = recordings[windows.recording[i]];
        const std::size_t row = windows.row[i];
        text += std::to_string(windows.recording[i]) + "," +
                std::to_string(recording.times[row].ns) + ",";
        if (!recording.labels.empty()) text += recording.labels[row] ? "1" : "0";
        for (const float value : windows.at(i)) {
            text += ",";
            append_float(text, value);
        }
        text += "\n";
    }
    return text;
}

Result<Bytes> outside_bundle(OutsideModel model, const Windows& windows,
                             inference::Engine& engine) {
    TRY(const pipeline::Spec spec, pipeline::parse_spec(model.pipeline).context("pipeline.yaml"));
    if (!same_features(spec, windows.spec))
        return bad_training(
            "pipeline.yaml was changed in what the model is fed; the command may change `model`, "
            "`score`, `threshold` and `fallback`");
    const inference::Binding binding{spec.model_input, spec.model_output,
                                     spec.plan.features.size()};
    TRY(auto loaded, engine.load(model.onnx, binding).context("model.onnx"));
    if (loaded->input_size() != windows.width || loaded->output_size() <= spec.output_index)
        return bad_training("model.onnx takes " + std::to_string(loaded->input_size()) +
                            " numbers and gives " + std::to_string(loaded->output_size()) +
                            "; the pipeline has " + std::to_string(windows.width) +
                            " features and takes number " + std::to_string(spec.output_index));
    TRY(const auto reference, reference_by(*loaded, spec.output_index, windows));
    pipeline::BundleParts parts{std::move(model.onnx), std::move(model.pipeline),
                                std::move(model.card), to_text(reference)};
    return pipeline::make_bundle(std::move(parts), engine);
}

}  // namespace mw::detectors
