// The largest of the features, each in units of its usual distance from its own slow level.
#include <cmath>

#include "insight/detectors/algorithms.h"
#include "insight/detectors/onnx_graph.h"

namespace mw::detectors {

Fitted fit_adaptive(const Windows& windows, const TrainOptions&) {
    Fitted fitted;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        double largest = 0;
        for (const float value : windows.at(i))
            largest = std::max(largest, std::abs(double{value}));
        fitted.distances.push_back(largest);
    }
    fitted.graph = [width = static_cast<std::int64_t>(windows.width)](double threshold) {
        OnnxGraph onnx("adaptive");
        onnx.input("features", {1, width});
        onnx.output("score", {1});
        const float inverse[] = {static_cast<float>(1 / threshold)};
        onnx.constant("inverse_threshold", {1}, inverse);
        onnx.node("Abs", {"features"}, {"magnitude"});
        onnx.node("ReduceMax", {"magnitude"}, {"largest"}, {{"axes", 1, true}, {"keepdims", 0}});
        onnx.node("Mul", {"largest", "inverse_threshold"}, {"score"});
        return onnx.bytes();
    };
    return fitted;
}

}  // namespace mw::detectors
