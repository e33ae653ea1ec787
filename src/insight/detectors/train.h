#pragma once
// train(): normal rows in, a bundle out. The graph's score is 1 at the alarm threshold.

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "insight/detectors/recording.h"
#include "insight/pipeline/pipeline.h"

namespace mw::detectors {

enum class Algorithm {
    t2q,        // Hotelling's T2 inside a PCA subspace, squared residual outside it (Jackson 1979)
    knn,        // mean distance to the k nearest training windows (Ramaswamy 2000)
    t2,         // Hotelling's T2 over all features, covariance of Ledoit and Wolf (2004)
    mewma,      // the same over exponentially weighted means (Lowry 1992)
    adaptive,   // largest distance from a slow level of its own, which is frozen while alarmed
    operating,  // T2 of what the operating signals don't explain
    isolation,  // isolation forest (Liu 2008)
    half_spaces,  // half-space trees (Tan 2011)
    autoencoder,  // RMS of what a small network doesn't give back
    boosted,      // gradient boosted trees: of labels a probability, of a target the residual
    ridge,        // linear: the residual of a target
};
Result<Algorithm> parse_algorithm(std::string_view text);
std::string_view to_string(Algorithm algorithm);
// Learns from labels or a target, not from normal rows alone.
bool is_supervised(Algorithm algorithm);
std::string known_algorithms();  // "t2q, knn, ..."

// 0 where a number has the algorithm's own default (defaults_of): one that keeps its accuracy over
// a wide range, see the module's README.
struct TrainOptions {
    Algorithm algorithm = Algorithm::knn;
    std::vector<std::string> signals = {};  // empty: all of the first recording
    std::uint32_t window_rows = 0;
    std::uint32_t every = 1;
    std::uint32_t neighbours = 5;  // knn
    double kept_variance = 0.9;    // t2q: share that the principal components explain
    pipeline::Smoothing smoothing = pipeline::Smoothing::mean;
    std::uint32_t smoothing_scores = 0;
    double quantile = 0;                      // of the smoothed training scores; this ...
    double factor = 0;                        // ... times this is the threshold
    std::uint32_t raise_after = 0;            // scores in a row that an alarm needs
    double clear_ratio = 1;                   // an alarm ends below this share of the threshold
    double baseline_rate = 0.01;              // adaptive
    double ewma_weight = 0.2;                 // mewma
    std::vector<std::string> operating = {};  // operating: signals that set the operating point
    std::string target = {};    // ridge, boosted: the signal to explain; empty: labels (boosted)
    bool classify = false;      // boosted: the target is a class, on where it is not 0
    double decide_at = 0.5;     // boosted, classes: the probability that decides
    std::uint32_t trees = 300;  // boosted
    std::uint32_t stored_windows_max = 2000;  // knn: windows kept in the graph, evenly spread
    std::string trained_on = {};              // for the card: a query, a file, a time range
};
// Every 0 filled in.
TrainOptions defaults_of(TrainOptions options);

struct Trained {
    Bytes bundle;
    std::string bundle_id;
    Json summary;  // algorithm, rows, windows, threshold, per signal mean and deviation, warnings
};

constexpr std::size_t training_windows_max = 200'000;

// Recordings hold normal operation only, but for supervised algorithms. Takes seconds of CPU at the
// limit; for a worker thread.
Result<Trained> train(const std::vector<Recording>& recordings, const TrainOptions& options,
                      inference::Engine& engine);

}  // namespace mw::detectors
