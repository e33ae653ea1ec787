#pragma once
// The detectors' mathematics: distances of the training windows, and the graph that computes them.

#include <functional>

#include "insight/detectors/windows.h"

namespace mw::detectors {

// A fitted detector, before its threshold is known.
struct Fitted {
    std::vector<double> distances;  // per training window, as if it had not been trained on
    // The ONNX graph whose score is distance / threshold. Input "features" [1, width], output
    // "score" [1].
    std::function<Bytes(double threshold)> graph;
    JsonObject facts;  // for the summary and the card
};

Fitted fit_knn(const Windows& windows, const TrainOptions& options);
Fitted fit_t2q(const Windows& windows, const TrainOptions& options);

}  // namespace mw::detectors
