// Isolation forest (Liu 2008) and half-space trees (Tan 2011): both are trees drawn by lot, one
// says how soon a window stands alone, the other how few training windows lie near it.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"
#include "insight/detectors/algorithms.h"
#include "insight/detectors/trees.h"

namespace mw::detectors {
namespace {

constexpr std::size_t isolation_trees = 100, isolation_sample = 256;
constexpr std::size_t half_space_trees = 50, half_space_depth = 8, half_space_mass_min = 8;
constexpr std::uint64_t forest_seed = 20'261'127;

// Mean depth of an unsuccessful search among n: what a leaf of n windows still hides.
double hidden_depth(std::size_t n) {
    if (n <= 1) return 0;
    if (n == 2) return 1;
    const auto m = static_cast<double>(n);
    return 2 * (std::log(m - 1) + 0.5772156649015329) - 2 * (m - 1) / m;
}

class TreeDrawer {
 public:
    TreeDrawer(const Windows& windows, Random& random) : windows_(windows), random_(random) {}

    Tree isolating(std::vector<std::size_t> sample) {
        tree_.assign(1, {});
        const auto limit = static_cast<std::size_t>(
            std::ceil(std::log2(static_cast<double>(std::max<std::size_t>(sample.size(), 2)))));
        isolate(0, sample, 0, limit);
        return std::move(tree_);
    }

    Tree halving(std::vector<std::size_t> sample);

 private:
    struct Box {
        std::vector<float> low, high;
    };
    void isolate(std::size_t node, std::span<std::size_t> sample, std::size_t depth,
                 std::size_t limit);
    void halve(std::size_t node, std::span<std::size_t> sample, std::size_t depth, Box& box,
               std::size_t total);
    // Parts the sample at the threshold and makes two children; gives the left part's size.
    std::size_t part(std::size_t node, std::span<std::size_t> sample, std::size_t feature,
                     float threshold);

    const Windows& windows_;
    Random& random_;
    Tree tree_;
};

std::size_t TreeDrawer::part(std::size_t node, std::span<std::size_t> sample, std::size_t feature,
                             float threshold) {
    const auto middle = std::stable_partition(sample.begin(), sample.end(), [&](std::size_t i) {
        return windows_.at(i)[feature] < threshold;
    });
    const auto child = static_cast<std::int32_t>(tree_.size());
    tree_[node] = {static_cast<std::int32_t>(feature), threshold, child, child + 1, 0};
    tree_.resize(tree_.size() + 2);
    return static_cast<std::size_t>(middle - sample.begin());
}

void TreeDrawer::isolate(std::size_t node, std::span<std::size_t> sample, std::size_t depth,
                         std::size_t limit) {
    // A feature that differs within the sample; several draws, as most differ.
    for (std::size_t draw = 0; draw < 3 * windows_.width && sample.size() > 1 && depth < limit;
         ++draw) {
        const std::size_t feature = random_.below(windows_.width);
        float low = windows_.at(sample[0])[feature], high = low;
        for (const std::size_t i : sample) {
            low = std::min(low, windows_.at(i)[feature]);
            high = std::max(high, windows_.at(i)[feature]);
        }
        const auto threshold =
            static_cast<float>(low + random_.uniform() * (double{high} - double{low}));
        if (!(threshold > low)) continue;
        const std::size_t left = part(node, sample, feature, threshold);
        const auto child = static_cast<std::size_t>(tree_[node].left);
        isolate(child, sample.first(left), depth + 1, limit);
        isolate(child + 1, sample.subspan(left), depth + 1, limit);
        return;
    }
    tree_[node].value =
        static_cast<float>(static_cast<double>(depth) + hidden_depth(sample.size()));
}

// The working space: around a point drawn by lot, twice as far as the farther end of the data.
Tree TreeDrawer::halving(std::vector<std::size_t> sample) {
    tree_.assign(1, {});
    Box box;
    for (std::size_t f = 0; f < windows_.width; ++f) {
        float low = windows_.at(sample[0])[f], high = low;
        for (const std::size_t i : sample) {
            low = std::min(low, windows_.at(i)[f]);
            high = std::max(high, windows_.at(i)[f]);
        }
        const auto at = static_cast<float>(low + random_.uniform() * (double{high} - double{low}));
        const float reach = 2 * std::max({at - low, high - at, 1e-3F});
        box.low.push_back(at - reach);
        box.high.push_back(at + reach);
    }
    halve(0, sample, 0, box, sample.size());
    return std::move(tree_);
}

void TreeDrawer::halve(std::size_t node, std::span<std::size_t> sample, std::size_t depth, Box& box,
                       std::size_t total) {
    if (depth == half_space_depth || sample.size() <= half_space_mass_min) {
        // Bits by which the leaf is emptier than the average half-space of its depth.
        const double expected = static_cast<double>(total) * std::exp2(-static_cast<double>(depth));
        const double ratio =
            (static_cast<double>(total) + 1) /
            (static_cast<double>(sample.size()) / expected * static_cast<double>(total) + 1);
        tree_[node].value = static_cast<float>(std::max(0.0, std::log2(ratio)));
        return;
    }
    const std::size_t feature = random_.below(windows_.width);
    const float middle = (box.low[feature] + box.high[feature]) / 2;
    const std::size_t left = part(node, sample, feature, middle);
    const auto child = static_cast<std::size_t>(tree_[node].left);
    const float low = box.low[feature], high = box.high[feature];
    box.high[feature] = middle;
    halve(child, sample.first(left), depth + 1, box, total);
    box.high[feature] = high;
    box.low[feature] = middle;
    halve(child + 1, sample.subspan(left), depth + 1, box, total);
    box.low[feature] = low;
}

// The score of the isolation forest, 2^(-mean depth / expected depth): about .45 for the ordinary.
class Isolation final : public Judge {
 public:
    Isolation(std::vector<Tree> trees, std::size_t width, double expected)
        : trees_(std::move(trees)), width_(width), expected_(expected) {}

    double distance(std::span<const float> window) const override {
        const double depth = sum_of(trees_, window) / static_cast<double>(trees_.size());
        return std::exp2(-depth / expected_);
    }

    Bytes graph(double threshold) const override {
        OnnxGraph onnx("isolation");
        onnx.input("features", {1, static_cast<std::int64_t>(width_)});
        onnx.output("score", {1});
        const float rate[] = {static_cast<float>(-std::log(2.0) / expected_)};
        const float inverse[] = {static_cast<float>(1 / threshold)};
        const std::int64_t shape[] = {1};
        onnx.constant("rate", {1}, rate);
        onnx.constant("inverse_threshold", {1}, inverse);
        onnx.constant("score_shape", {1}, shape);
        add_ensemble(onnx, "features", "depth", trees_, true);
        onnx.node("Reshape", {"depth", "score_shape"}, {"flat"});
        onnx.node("Mul", {"flat", "rate"}, {"exponent"});
        onnx.node("Exp", {"exponent"}, {"isolation"});
        onnx.node("Mul", {"isolation", "inverse_threshold"}, {"score"});
        return onnx.bytes();
    }

    JsonObject facts() const override { return {{"trees", trees_.size()}}; }

 private:
    std::vector<Tree> trees_;
    std::size_t width_;
    double expected_;
};

class HalfSpaces final : public Judge {
 public:
    HalfSpaces(std::vector<Tree> trees, std::size_t width)
        : trees_(std::move(trees)), width_(width) {}

    double distance(std::span<const float> window) const override {
        return sum_of(trees_, window) / static_cast<double>(trees_.size());
    }

    Bytes graph(double threshold) const override {
        OnnxGraph onnx("half_spaces");
        onnx.input("features", {1, static_cast<std::int64_t>(width_)});
        onnx.output("score", {1});
        const float inverse[] = {static_cast<float>(1 / threshold)};
        const std::int64_t shape[] = {1};
        onnx.constant("inverse_threshold", {1}, inverse);
        onnx.constant("score_shape", {1}, shape);
        add_ensemble(onnx, "features", "emptiness", trees_, true);
        onnx.node("Reshape", {"emptiness", "score_shape"}, {"flat"});
        onnx.node("Mul", {"flat", "inverse_threshold"}, {"score"});
        return onnx.bytes();
    }

    JsonObject facts() const override { return {{"trees", trees_.size()}}; }

 private:
    std::vector<Tree> trees_;
    std::size_t width_;
};

}  // namespace

std::unique_ptr<Judge> learn_isolation(const Windows& windows, std::span<const std::size_t> which,
                                       const TrainOptions&) {
    SeededRandom random(forest_seed);
    TreeDrawer drawer(windows, random);
    const std::size_t size = std::min(isolation_sample, which.size());
    std::vector<Tree> trees;
    std::vector<std::size_t> pool(which.begin(), which.end());
    for (std::size_t t = 0; t < isolation_trees; ++t) {
        for (std::size_t i = 0; i < size; ++i)
            std::swap(pool[i], pool[i + random.below(pool.size() - i)]);
        trees.push_back(
            drawer.isolating({pool.begin(), pool.begin() + static_cast<std::ptrdiff_t>(size)}));
    }
    return std::make_unique<Isolation>(std::move(trees), windows.width,
                                       std::max(hidden_depth(size), 1.0));
}

std::unique_ptr<Judge> learn_half_spaces(const Windows& windows, std::span<const std::size_t> which,
                                         const TrainOptions&) {
    SeededRandom random(forest_seed);
    TreeDrawer drawer(windows, random);
    std::vector<Tree> trees;
    for (std::size_t t = 0; t < half_space_trees; ++t)
        trees.push_back(drawer.halving({which.begin(), which.end()}));
    return std::make_unique<HalfSpaces>(std::move(trees), windows.width);
}

}  // namespace mw::detectors
