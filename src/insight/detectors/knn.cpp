#include <algorithm>
#include <cmath>

#include "insight/detectors/algorithms.h"
#include "insight/detectors/onnx_graph.h"

namespace mw::detectors {
namespace {

// Evenly spread over all windows when there are too many.
std::vector<std::size_t> stored_windows(std::size_t windows, std::size_t most) {
    const std::size_t count = std::min(windows, most);
    std::vector<std::size_t> stored(count);
    for (std::size_t i = 0; i < count; ++i) stored[i] = i * windows / count;
    return stored;
}

// Neighbours in time share rows; counting them would make every distance look small.
bool overlap(const Windows& windows, std::size_t a, std::size_t b, std::size_t apart) {
    if (windows.recording[a] != windows.recording[b]) return false;
    const std::size_t i = windows.index[a], j = windows.index[b];
    return (i > j ? i - j : j - i) < apart;
}

double mean_root(std::vector<double>& squares, std::size_t k) {
    std::nth_element(squares.begin(), squares.begin() + static_cast<std::ptrdiff_t>(k - 1),
                     squares.end());
    double sum = 0;
    for (std::size_t i = 0; i < k; ++i) sum += std::sqrt(squares[i]);
    return sum / static_cast<double>(k);
}

// Constants lie feature by feature, so that the differences of one feature are one vector loop.
Bytes graph(const std::vector<float>& columns, std::int64_t stored, std::int64_t width,
            std::int64_t k, double threshold) {
    OnnxGraph onnx("knn");
    onnx.input("features", {1, width});
    onnx.output("score", {1});
    const std::int64_t column_shape[] = {width, 1}, axis[] = {0}, neighbours[] = {k};
    const float inverse[] = {static_cast<float>(1 / threshold)};
    onnx.constant("column_shape", {2}, column_shape);
    onnx.constant("axis", {1}, axis);
    onnx.constant("neighbours", {1}, neighbours);
    onnx.constant("inverse_threshold", {1}, inverse);
    onnx.constant("training_windows", {width, stored}, columns);
    onnx.node("Reshape", {"features", "column_shape"}, {"column"});
    onnx.node("Sub", {"training_windows", "column"}, {"difference"});
    onnx.node("Mul", {"difference", "difference"}, {"square"});
    onnx.node("ReduceSum", {"square", "axis"}, {"squared_distance"}, {{"keepdims", 0}});
    onnx.node("TopK", {"squared_distance", "neighbours"}, {"nearest", "nearest_index"},
              {{"axis", 0}, {"largest", 0}, {"sorted", 1}});
    onnx.node("Sqrt", {"nearest"}, {"distance"});
    onnx.node("ReduceMean", {"distance"}, {"mean_distance"}, {{"axes", 0, true}, {"keepdims", 1}});
    onnx.node("Mul", {"mean_distance", "inverse_threshold"}, {"score"});
    return onnx.bytes();
}

}  // namespace

Fitted fit_knn(const Windows& windows, const TrainOptions& options) {
    const auto stored = stored_windows(windows.size(), options.stored_windows_max);
    const std::size_t apart = (options.window_rows + options.every - 1) / options.every;
    Fitted fitted;
    std::vector<double> squares;
    for (std::size_t window = 0; window < windows.size(); ++window) {
        squares.clear();
        const auto x = windows.at(window);
        for (const std::size_t other : stored) {
            if (overlap(windows, window, other, apart)) continue;
            const auto y = windows.at(other);
            double square = 0;
            for (std::size_t i = 0; i < x.size(); ++i)
                square += (double{x[i]} - y[i]) * (double{x[i]} - y[i]);
            squares.push_back(square);
        }
        const std::size_t k = std::min<std::size_t>(options.neighbours, squares.size());
        fitted.distances.push_back(k > 0 ? mean_root(squares, k) : 0);
    }
    std::vector<float> columns(stored.size() * windows.width);
    for (std::size_t i = 0; i < stored.size(); ++i)
        for (std::size_t feature = 0; feature < windows.width; ++feature)
            columns[feature * stored.size() + i] = windows.at(stored[i])[feature];
    const auto k = std::min<std::size_t>(options.neighbours, stored.size());
    fitted.graph = [columns, count = stored.size(), width = windows.width, k](double threshold) {
        return graph(columns, static_cast<std::int64_t>(count), static_cast<std::int64_t>(width),
                     static_cast<std::int64_t>(k), threshold);
    };
    fitted.facts = {{"neighbours", k}, {"stored_windows", stored.size()}};
    return fitted;
}

}  // namespace mw::detectors
