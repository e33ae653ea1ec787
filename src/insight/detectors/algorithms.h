#pragma once
// The detectors' mathematics: distances of the training windows, and the graph that computes them.

#include <functional>
#include <memory>

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
Fitted fit_adaptive(const Windows& windows, const TrainOptions& options);

// What was learnt from some of the windows and can judge the others.
class Judge {
 public:
    virtual ~Judge() = default;
    virtual double distance(std::span<const float> window) const = 0;
    virtual Bytes graph(double threshold) const = 0;  // as Fitted::graph
    virtual JsonObject facts() const { return {}; }
};
using Learn = std::function<std::unique_ptr<Judge>(
    const Windows& windows, std::span<const std::size_t> which, const TrainOptions& options)>;

std::unique_ptr<Judge> learn_t2(const Windows& windows, std::span<const std::size_t> which,
                                const TrainOptions& options);
std::unique_ptr<Judge> learn_operating(const Windows& windows, std::span<const std::size_t> which,
                                       const TrainOptions& options);
std::unique_ptr<Judge> learn_isolation(const Windows& windows, std::span<const std::size_t> which,
                                       const TrainOptions& options);
std::unique_ptr<Judge> learn_half_spaces(const Windows& windows, std::span<const std::size_t> which,
                                         const TrainOptions& options);
std::unique_ptr<Judge> learn_autoencoder(const Windows& windows, std::span<const std::size_t> which,
                                         const TrainOptions& options);

// Every window is judged by one who has not seen its run (from three runs on) or its fifth of the
// time, nor a window that shares rows with it: so the threshold knows what a new day looks like.
// The judge of the graph has learnt from all.
Fitted fit_crosswise(const Windows& windows, const TrainOptions& options, const Learn& learn);

}  // namespace mw::detectors
