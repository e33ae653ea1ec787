#pragma once
// Pipeline: one model on one device's rows. Deterministic: the same rows give the same bits, also
// after a restart that restores the checkpoint and pushes the rows of `memory()` again.

#include <deque>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "insight/inference/inference.h"
#include "insight/pipeline/slow_level.h"
#include "insight/pipeline/spec.h"

namespace mw::pipeline {

struct Outcome {
    Timestamp window_from;
    Timestamp window_to;
    std::uint32_t samples = 0;  // rows in the window
    Quality inputs_quality;
    double score = 0;  // smoothed; 0 when a fallback decided
    bool decision = false;
    std::string fallback;   // empty: the model decided; "inputs_bad: flow", "model_failed: ...",
                            // "score_not_finite"
    double latency_us = 0;  // from push to here
};

class Pipeline {
 public:
    // Checks that the model takes the plan's features and has the output element.
    static Result<Pipeline> open(Spec spec, std::unique_ptr<inference::Model> model, Clock& clock);

    const Spec& spec() const { return spec_; }
    // The row's values are in the order of spec().inputs.
    std::optional<Outcome> push(const features::Row& row);
    void reset();  // forget everything, as after opening
    // Whether the next row leads to an outcome if it has that time; then rehearse() shortly before
    // makes that outcome come sooner. Changes nothing of what comes out.
    bool decides_at(Timestamp next) const { return !warm_up_ && extractor_.ends_window(next); }
    void rehearse();
    // What the declared fallback says now. Changes nothing.
    bool fallback_decision() const;
    inference::Model& model() { return *model_; }
    const inference::Model& model() const { return *model_; }
    bool alarmed() const { return alarmed_; }
    std::uint64_t refused_rows() const { return extractor_.refused_rows(); }
    // What the model saw last: scaled, above the baseline.
    std::span<const float> last_scaled() const { return last_scaled_; }
    // Features of the last outcome, in the signals' units (for counting into reference bins).
    std::span<const double> last_features() const { return last_features_; }

    // The past rows that rebuild the state.
    features::Memory memory() const;
    // The state that rows alone don't give, as of the last pushed row: 26 bytes, and more where
    // spec().remembers() (docs/formats/pipeline.md).
    Bytes checkpoint() const;
    // On a fresh pipeline: then push rows from the past again. Those up to the checkpoint's time
    // warm it up and yield nothing; from there on it continues as if it had never stopped.
    Result<void> restore(ByteView checkpoint);

 private:
    Pipeline(Spec spec, features::Extractor extractor, std::unique_ptr<inference::Model> model,
             Clock& clock);

    struct KeptRow {
        Timestamp time;
        std::vector<double> values;
        std::vector<Quality> quality;
    };
    struct WarmUp {
        Timestamp until;
        std::uint64_t rows_seen = 0;
        std::deque<KeptRow> rows;
        std::deque<double> recent;  // where the pipeline remembers
    };

    void keep(const features::Row& row);
    void finish_warm_up();
    std::optional<features::Frame> advance(const features::Row& row);
    void take(const features::Frame& frame, Outcome& outcome);
    double model_score(const features::Frame& frame, std::string& fallback);
    double smoothed() const;
    void decide(Outcome& outcome);
    Result<void> restore_memory(ByteView bytes, WarmUp& past);

    Spec spec_;
    features::Extractor extractor_;
    std::unique_ptr<inference::Model> model_;
    Clock* clock_;
    std::vector<float> model_out_;
    std::deque<double> recent_;  // scores of the last smoothing_scores frames; NaN: a fallback's
    mutable std::vector<double> sorted_;
    bool forget_scores_ = false;  // the extractor started anew after a gap
    bool alarmed_ = false;
    std::uint32_t streak_ = 0;  // scores in a row that speak against alarmed_
    SlowLevel level_;
    std::vector<double> last_features_;
    std::vector<float> last_scaled_;
    std::optional<WarmUp> warm_up_;
    std::uint32_t fingerprint_ = 0;
};

}  // namespace mw::pipeline
