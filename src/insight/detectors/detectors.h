#pragma once
// Trainers: rows of normal operation in, a bundle out whose ONNX graph gives a score that is 1 at
// the threshold. The features come from insight/features, the very code that runs on the edge.
// Pure functions for a worker thread: seconds of CPU, memory about 3 x the rows. Limit:
// TrainOptions.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "insight/pipeline/pipeline.h"

namespace mw::detectors {

enum class Algorithm {
    t2q,  // Hotelling's T2 in a PCA subspace and the squared residual outside it (Jackson 1991)
    knn,  // mean distance to the k nearest training windows (Ramaswamy 2000)
};
Result<Algorithm> parse_algorithm(std::string_view text);
std::string_view to_string(Algorithm algorithm);

// One uninterrupted recording of one device. Windows never span two recordings.
struct Recording {
    std::vector<std::string> signals;  // the columns
    std::vector<Timestamp> times;      // ascending
    std::vector<double> values;        // row by row; NaN: missing
    std::vector<Quality> quality;      // row by row; empty: all good

    std::size_t rows() const { return times.size(); }
    features::Row row(std::size_t index) const;
};

struct TrainOptions {
    Algorithm algorithm = Algorithm::knn;
    std::vector<std::string> signals;  // empty: all of the first recording
    std::uint32_t window_rows = 60;
    std::uint32_t every = 1;
    std::uint32_t neighbours = 5;  // knn
    double kept_variance = 0.9;    // t2q: share that the principal components explain
    double quantile = 0.99;        // of the training scores ...
    double factor = 2;             // ... times this is the threshold (in units of distance)
    double clear_ratio = 1;        // clear below this share of the threshold
    pipeline::Smoothing smoothing = pipeline::Smoothing::none;
    std::uint32_t smoothing_scores = 1;
    std::uint32_t stored_rows_max = 2000;  // knn: windows kept in the graph
    std::string trained_on;                // for the card: a query, a file, a time range
};

struct Trained {
    Bytes bundle;
    std::string bundle_id;
    Json summary;  // algorithm, rows, windows, threshold, training score quantiles
};

Result<Trained> train(const std::vector<Recording>& recordings, const TrainOptions& options,
                      inference::Engine& engine);

}  // namespace mw::detectors
