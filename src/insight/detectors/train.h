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
    t2q,  // Hotelling's T2 inside a PCA subspace, squared residual outside it (Jackson 1979)
    knn,  // mean distance to the k nearest training windows (Ramaswamy 2000)
};
Result<Algorithm> parse_algorithm(std::string_view text);
std::string_view to_string(Algorithm algorithm);

// The defaults keep their accuracy over a wide range of window and factor: see the module's README.
struct TrainOptions {
    Algorithm algorithm = Algorithm::knn;
    std::vector<std::string> signals = {};  // empty: all of the first recording
    std::uint32_t window_rows = 5;
    std::uint32_t every = 1;
    std::uint32_t neighbours = 5;  // knn
    double kept_variance = 0.9;    // t2q: share that the principal components explain
    pipeline::Smoothing smoothing = pipeline::Smoothing::mean;
    std::uint32_t smoothing_scores = 45;
    double quantile = 0.99;  // of the smoothed training scores; this ...
    double factor = 0;       // ... times this is the threshold; 0: 2.25 for knn, 1.6 for t2q
    double clear_ratio = 1;  // an alarm ends below this share of the threshold
    std::uint32_t stored_windows_max = 2000;  // knn: windows kept in the graph, evenly spread
    std::string trained_on = {};              // for the card: a query, a file, a time range
};

struct Trained {
    Bytes bundle;
    std::string bundle_id;
    Json summary;  // algorithm, rows, windows, threshold, per signal mean and deviation, warnings
};

constexpr std::size_t training_windows_max = 200'000;

// Recordings hold normal operation only. Takes seconds of CPU at the limit; for a worker thread.
Result<Trained> train(const std::vector<Recording>& recordings, const TrainOptions& options,
                      inference::Engine& engine);

}  // namespace mw::detectors
