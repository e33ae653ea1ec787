#pragma once
// pipeline.yaml (docs/formats/pipeline.md) as plain data. Unknown keys are errors.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "insight/features/features.h"

namespace mw::pipeline {

constexpr std::size_t spec_bytes_max = 8u << 20;
constexpr std::uint32_t smoothing_scores_max = 4096;

enum class Smoothing { none, mean, median };
// A slow level per feature that is subtracted before the model sees it, and follows the feature but
// while the pipeline is alarmed. The first 1 / rate frames make it by their mean.
struct Baseline {
    double rate = 0;                  // share of the way to the newest frame; 0: no baseline
    std::uint32_t frozen_max = 3600;  // alarmed frames after which it follows again; 0: never
};

enum class FallbackDecision { hold, off, on };  // hold: what was decided last

struct Input {
    std::string name;     // used inside the pipeline
    std::string signal;   // the device's name for it; of a model's score score_signal()
    std::string model{};  // whose scores it takes; empty: a signal of the device
};
// How the scores of a model are named among signals. No signal may begin like that.
std::string score_signal(std::string_view model);
// The input that is fed by a column of a recording: a signal, or the score of a model.
Input input_of(const std::string& column);

struct Spec {
    std::vector<Input> inputs;
    features::AlignOptions align;
    features::ResampleOptions resample;
    features::Plan plan;  // plan.inputs are the inputs' names
    Baseline baseline;
    std::string model_input;  // empty: the graph's only one
    std::string model_output;
    std::uint32_t output_index = 0;  // the element of the output that is the score
    Smoothing smoothing = Smoothing::none;
    std::uint32_t smoothing_scores = 1;
    double raise_at = 1;            // alarm when the score is at or above it
    double clear_at = 1;            // and until it is below this one; at most raise_at
    std::uint32_t raise_after = 1;  // so many scores in a row at or above raise_at
    std::uint32_t clear_after = 1;  // and below clear_at
    FallbackDecision fallback = FallbackDecision::hold;
    // Without a window for so long the fallback decides; zero: never; nothing: the gateway derives
    // it from the windows (docs/formats/pipeline.md).
    std::optional<nanoseconds> stale_after;

    // Scores and levels don't follow from the rows of a window alone: a checkpoint holds them.
    bool remembers() const { return baseline.rate > 0 || raise_after > 1 || clear_after > 1; }
    std::vector<std::string> signals() const;  // the device's names, in the order of a row
    std::vector<std::string> fed_by() const;   // models whose scores it takes, each once
};

Result<Spec> parse_spec(std::string_view yaml);
std::string to_yaml(const Spec& spec);  // the same bytes for the same spec; parses back to it

}  // namespace mw::pipeline
