#include "insight/native/random_models.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mw::native {
namespace {

using Dims = GraphWriter::Dims;
constexpr const char* ml = "ai.onnx.ml";

int between(Rng& rng, int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(rng);
}
bool coin(Rng& rng, int of = 2) { return between(rng, 1, of) == 1; }
float normal(Rng& rng) { return std::normal_distribution<float>()(rng); }

std::vector<float> numbers(Rng& rng, std::int64_t count, double scale) {
    std::vector<float> list(static_cast<std::size_t>(count));
    for (float& number : list) number = normal(rng) * static_cast<float>(scale);
    return list;
}

std::string add_activation(GraphWriter& graph, Rng& rng, const std::string& in) {
    static const std::vector<const char*> ops = {"Relu", "Sigmoid", "Tanh",     "LeakyRelu",
                                                 "Elu",  "Clip",    "Softplus", "HardSigmoid"};
    const std::string op =
        ops[static_cast<std::size_t>(between(rng, 0, static_cast<int>(ops.size()) - 1))];
    const std::string out = in + "_a";
    if (op == "Clip") {
        graph.constant(in + "_low", {}, std::vector<float>{-0.5F});
        graph.constant(in + "_high", {}, std::vector<float>{1.5F});
        graph.node(op, {in, in + "_low", in + "_high"}, {out});
    } else if (op == "LeakyRelu" && coin(rng)) {
        graph.node(op, {in}, {out}, {GraphWriter::attribute("alpha", 0.2F)});
    } else {
        graph.node(op, {in}, {out});
    }
    return out;
}

std::string add_layer(GraphWriter& graph, Rng& rng, const std::string& in, std::int64_t inputs,
                      std::int64_t outputs, int number) {
    const std::string n = std::to_string(number), out = "h" + n;
    const auto weights = numbers(rng, inputs * outputs, 1 / std::sqrt(double(inputs)));
    const auto bias = numbers(rng, outputs, 0.3);
    graph.constant("b" + n, coin(rng) ? Dims{outputs} : Dims{1, outputs}, bias);
    switch (between(rng, 0, 3)) {
        case 0:
            graph.constant("w" + n, {outputs, inputs}, weights);
            graph.node("Gemm", {in, "w" + n, "b" + n}, {out},
                       {GraphWriter::attribute("transB", std::int64_t{1})});
            break;
        case 1:
            graph.constant("w" + n, {inputs, outputs}, weights);
            graph.node(
                "Gemm", {in, "w" + n, "b" + n}, {out},
                {GraphWriter::attribute("alpha", 0.5F), GraphWriter::attribute("beta", 2.0F)});
            break;
        case 2:
            graph.constant("w" + n, {inputs, outputs}, weights);
            graph.node("MatMul", {in, "w" + n}, {out + "m"});
            graph.node("Add", {out + "m", "b" + n}, {out});
            break;
        default:
            graph.constant("w" + n, {inputs, outputs}, weights);
            graph.node("MatMul", {in, "w" + n}, {out});
    }
    return out;
}

// One tree after the other, as the exporters list them.
struct Ensemble {
    Dims features, ids, trees, yes, no, missing;
    std::vector<float> values, hitrates;
    std::vector<std::string> modes;
    Dims vote_targets, vote_ids, vote_trees;
    std::vector<float> vote_weights;

    std::size_t add_node(std::int64_t tree, std::int64_t id) {
        trees.push_back(tree), ids.push_back(id);
        features.push_back(0), yes.push_back(0), no.push_back(0), missing.push_back(0);
        values.push_back(0), hitrates.push_back(1), modes.emplace_back("LEAF");
        return ids.size() - 1;
    }
    void vote(std::int64_t tree, std::int64_t id, std::int64_t target, float weight) {
        vote_trees.push_back(tree), vote_ids.push_back(id);
        vote_targets.push_back(target), vote_weights.push_back(weight);
    }
    std::vector<std::string> attributes(const std::string& votes) const {
        using W = GraphWriter;
        return {W::attribute("nodes_featureids", features),
                W::attribute("nodes_nodeids", ids),
                W::attribute("nodes_treeids", trees),
                W::attribute("nodes_truenodeids", yes),
                W::attribute("nodes_falsenodeids", no),
                W::attribute("nodes_values", values),
                W::attribute("nodes_hitrates", hitrates),
                W::attribute("nodes_modes", modes),
                W::attribute("nodes_missing_value_tracks_true", missing),
                W::attribute(votes + "_ids", vote_targets),
                W::attribute(votes + "_nodeids", vote_ids),
                W::attribute(votes + "_treeids", vote_trees),
                W::attribute(votes + "_weights", vote_weights)};
    }
};

struct EnsembleShape {
    int trees = 1, depth = 4, features = 4, targets = 1;
    bool all_targets = false;  // every leaf votes for every target
    bool positive = false;
    std::vector<std::string> modes;
};

float leaf_weight(Rng& rng, const EnsembleShape& shape) {
    const float weight = normal(rng) * 0.2F;
    return shape.positive ? std::abs(weight) : weight;
}

float threshold_of(Rng& rng) {
    switch (between(rng, 0, 19)) {
        case 0:
            return 0.0F;
        case 1:
            return -0.0F;
        case 2:
            return coin(rng) ? std::numeric_limits<float>::infinity()
                             : -std::numeric_limits<float>::infinity();
        case 3:
            return std::numeric_limits<float>::denorm_min();
        case 4:
            return std::round(normal(rng));
        default:
            return normal(rng);
    }
}

void grow(Ensemble& all, Rng& rng, const EnsembleShape& shape, RandomModel& model, int tree) {
    std::vector<std::pair<std::size_t, int>> open{{all.add_node(tree, 0), 0}};
    std::int64_t next = 1;
    while (!open.empty()) {
        const auto [at, depth] = open.back();
        open.pop_back();
        if (depth >= shape.depth || coin(rng, 6)) {
            if (shape.all_targets) {
                for (int target = 0; target < shape.targets; ++target)
                    all.vote(tree, all.ids[at], target, leaf_weight(rng, shape));
            } else {
                all.vote(tree, all.ids[at], shape.targets > 1 ? tree % shape.targets : 0,
                         leaf_weight(rng, shape));
            }
            continue;
        }
        all.modes[at] = shape.modes[static_cast<std::size_t>(
            between(rng, 0, static_cast<int>(shape.modes.size()) - 1))];
        all.features[at] = between(rng, 0, shape.features - 1);
        all.values[at] = threshold_of(rng);
        all.missing[at] = coin(rng);
        model.edges.emplace_back(all.features[at], all.values[at]);
        const std::size_t yes = all.add_node(tree, next), no = all.add_node(tree, next + 1);
        all.yes[at] = next, all.no[at] = next + 1;
        next += 2;
        open.push_back({yes, depth + 1});
        open.push_back({no, depth + 1});
    }
}

Ensemble random_ensemble(Rng& rng, const EnsembleShape& shape, RandomModel& model) {
    Ensemble all;
    for (int tree = 0; tree < shape.trees; ++tree) grow(all, rng, shape, model, tree);
    // Some exporters leave this out, and few need it.
    if (coin(rng, 4)) std::fill(all.missing.begin(), all.missing.end(), 0);
    return all;
}

EnsembleShape random_shape(Rng& rng, RandomModel& model) {
    EnsembleShape shape;
    shape.trees = between(rng, 1, coin(rng) ? 12 : 110);
    shape.depth = between(rng, 0, coin(rng) ? 6 : 9);
    shape.features = between(rng, 1, coin(rng) ? 16 : 40);
    static const std::vector<std::string> modes = {"BRANCH_LT", "BRANCH_LEQ", "BRANCH_GT",
                                                   "BRANCH_GTE"};
    shape.modes =
        coin(rng, 3) ? modes : std::vector{modes[static_cast<std::size_t>(between(rng, 0, 3))]};
    model.features = static_cast<std::size_t>(shape.features);
    return shape;
}

}  // namespace

RandomModel random_dense(Rng& rng) {
    RandomModel model{"dense", {}, static_cast<std::size_t>(between(rng, 1, 70)), "y", {}};
    GraphWriter graph;
    const auto features = static_cast<std::int64_t>(model.features);
    graph.input("x", {coin(rng) ? -1 : 1, features});
    std::string name = "x";
    std::int64_t width = features;
    const int layers = between(rng, 1, 4);
    for (int i = 0; i < layers; ++i) {
        const std::int64_t outputs = between(rng, 1, coin(rng) ? 20 : 80);
        name = add_layer(graph, rng, name, width, outputs, i);
        width = outputs;
        if (i + 1 < layers || coin(rng)) name = add_activation(graph, rng, name);
    }
    graph.node(coin(rng) ? "Softmax" : "Identity", {name}, {"y"});
    graph.output("y", {-1, width});
    model.onnx = graph.model();
    return model;
}

RandomModel random_regressor(Rng& rng) {
    RandomModel model{"regressor", {}, 0, "y", {}};
    EnsembleShape shape = random_shape(rng, model);
    shape.targets = coin(rng, 3) ? between(rng, 2, 4) : 1;
    shape.all_targets = shape.targets > 1 && coin(rng);
    auto attributes = random_ensemble(rng, shape, model).attributes("target");
    attributes.push_back(GraphWriter::attribute("n_targets", std::int64_t{shape.targets}));
    if (coin(rng))
        attributes.push_back(GraphWriter::attribute("base_values", numbers(rng, shape.targets, 1)));
    if (coin(rng, 4)) attributes.push_back(GraphWriter::attribute("aggregate_function", "AVERAGE"));
    GraphWriter graph;
    graph.input("x", {-1, shape.features});
    graph.node("TreeEnsembleRegressor", {"x"}, {"y"}, attributes, ml);
    graph.output("y", {-1, shape.targets});
    model.onnx = graph.model();
    return model;
}

RandomModel random_classifier(Rng& rng) {
    RandomModel model{"classifier", {}, 0, "scores", {}};
    EnsembleShape shape = random_shape(rng, model);
    const int classes = between(rng, 2, 4);
    const bool one_sided = classes == 2 && coin(rng);
    shape.targets = one_sided ? 1 : classes;
    shape.all_targets = !one_sided && (classes == 2 || coin(rng));
    shape.positive = coin(rng);
    auto attributes = random_ensemble(rng, shape, model).attributes("class");
    Dims labels;
    for (int i = 0; i < classes; ++i) labels.push_back(i);
    attributes.push_back(GraphWriter::attribute("classlabels_int64s", labels));
    static const std::vector<const char*> after = {"NONE", "LOGISTIC", "SOFTMAX"};
    attributes.push_back(GraphWriter::attribute(
        "post_transform", after[static_cast<std::size_t>(between(rng, 0, one_sided ? 1 : 2))]));
    if (classes > 2 && coin(rng))
        attributes.push_back(GraphWriter::attribute("base_values", numbers(rng, classes, 1)));
    if (one_sided && coin(rng))
        attributes.push_back(GraphWriter::attribute("base_values", numbers(rng, 1, 1)));
    GraphWriter graph;
    graph.input("x", {-1, shape.features});
    graph.node("TreeEnsembleClassifier", {"x"}, {"label", "scores"}, attributes, ml);
    graph.label("label");
    graph.output("scores", {-1, classes});
    model.onnx = graph.model();
    return model;
}

// The mean depth of many trees, turned into scikit-learn's score.
RandomModel random_isolation_forest(Rng& rng) {
    RandomModel model{"isolation forest", {}, 0, "y", {}};
    EnsembleShape shape = random_shape(rng, model);
    shape.modes = {"BRANCH_LEQ"};
    shape.positive = true;
    shape.depth = between(rng, 3, 8);
    GraphWriter graph;
    graph.input("x", {-1, shape.features});
    graph.constant("per_tree", {1},
                   std::vector<float>{-1.0F / (static_cast<float>(shape.trees) * 0.3F)});
    graph.constant("two", {1}, std::vector<float>{2});
    auto attributes = random_ensemble(rng, shape, model).attributes("target");
    attributes.push_back(GraphWriter::attribute("n_targets", std::int64_t{1}));
    graph.node("TreeEnsembleRegressor", {"x"}, {"depths"}, attributes, ml);
    graph.node("Mul", {"depths", "per_tree"}, {"relative"});
    graph.node("Pow", {"two", "relative"}, {"score"});
    graph.node("Neg", {"score"}, {"y"});
    graph.output("y", {-1, 1});
    model.onnx = graph.model();
    return model;
}

RandomModel random_recurrent(Rng& rng) {
    const std::int64_t steps = between(rng, 1, 24), inputs = between(rng, 1, 12);
    const std::int64_t hidden = between(rng, 1, coin(rng) ? 12 : 40);
    const bool lstm = coin(rng);
    const std::int64_t gates = lstm ? 4 : 3, directions = coin(rng, 3) ? 2 : 1;
    RandomModel model{lstm ? "LSTM" : "GRU", {}, static_cast<std::size_t>(steps * inputs), "y", {}};
    GraphWriter graph;
    graph.input("x", {1, steps, inputs});
    graph.constant("w", {directions, gates * hidden, inputs},
                   numbers(rng, directions * gates * hidden * inputs, 0.4));
    graph.constant("r", {directions, gates * hidden, hidden},
                   numbers(rng, directions * gates * hidden * hidden, 0.3));
    graph.constant("b", {directions, 2 * gates * hidden},
                   numbers(rng, directions * 2 * gates * hidden, 0.3));
    graph.constant("h0", {directions, 1, hidden}, numbers(rng, directions * hidden, 0.3));
    graph.node("Transpose", {"x"}, {"xt"}, {GraphWriter::attribute("perm", Dims{1, 0, 2})});
    std::vector<std::string> attributes = {GraphWriter::attribute("hidden_size", hidden)};
    if (!lstm)
        attributes.push_back(
            GraphWriter::attribute("linear_before_reset", std::int64_t{coin(rng)}));
    if (directions == 2)
        attributes.push_back(GraphWriter::attribute("direction", "bidirectional"));
    else if (coin(rng, 4))
        attributes.push_back(GraphWriter::attribute("direction", "reverse"));
    std::vector<std::string> given = {"xt", "w", "r"};
    if (coin(rng, 4) == false) given.push_back("b");
    if (given.size() == 4 && coin(rng)) given.insert(given.end(), {"", "h0"});
    graph.node(lstm ? "LSTM" : "GRU", given, {"all", "last"}, attributes);
    if (coin(rng)) {  // the last state
        graph.node("Transpose", {"last"}, {"lt"}, {GraphWriter::attribute("perm", Dims{1, 0, 2})});
        graph.constant("flat", {2}, Dims{1, -1});
        graph.node("Reshape", {"lt", "flat"}, {"state"});
    } else {  // the state after the last step, as PyTorch writes y[:, -1]
        graph.node("Transpose", {"all"}, {"at"},
                   {GraphWriter::attribute("perm", Dims{0, 2, 1, 3})});
        graph.constant("rows", {3}, Dims{0, 0, -1});
        graph.node("Reshape", {"at", "rows"}, {"ar"});
        graph.node("Transpose", {"ar"}, {"batch"}, {GraphWriter::attribute("perm", Dims{1, 0, 2})});
        graph.constant("minus", {}, Dims{-1});
        graph.node("Gather", {"batch", "minus"}, {"state"},
                   {GraphWriter::attribute("axis", std::int64_t{1})});
    }
    graph.constant("dw", {directions * hidden, 3}, numbers(rng, directions * hidden * 3, 0.3));
    graph.node("MatMul", {"state", "dw"}, {"y"});
    graph.output("y", {1, 3});
    model.onnx = graph.model();
    return model;
}

RandomModel random_convolution(Rng& rng) {
    std::int64_t channels = between(rng, 1, 9), size = between(rng, 8, 80);
    RandomModel model{"convolution", {}, static_cast<std::size_t>(channels * size), "y", {}};
    GraphWriter graph;
    graph.input("x", {1, channels, size});
    std::string name = "x";
    const int layers = between(rng, 1, 3);
    for (int i = 0; i < layers; ++i) {
        const std::string n = std::to_string(i);
        const std::int64_t taps = between(rng, 1, 7),
                           outputs = between(rng, 1, coin(rng) ? 20 : 40);
        const std::int64_t stride = between(rng, 1, 2), dilation = between(rng, 1, 2);
        const std::int64_t before = between(rng, 0, 3), after = between(rng, 0, 3);
        const std::int64_t reach = (taps - 1) * dilation + 1;
        if (size + before + after < reach + 4) break;
        graph.constant(
            "w" + n, {outputs, channels, taps},
            numbers(rng, outputs * channels * taps, 1 / std::sqrt(double(channels * taps))));
        graph.constant("b" + n, {outputs}, numbers(rng, outputs, 0.3));
        graph.node("Conv", {name, "w" + n, "b" + n}, {"c" + n},
                   {GraphWriter::attribute("kernel_shape", Dims{taps}),
                    GraphWriter::attribute("strides", Dims{stride}),
                    GraphWriter::attribute("dilations", Dims{dilation}),
                    GraphWriter::attribute("pads", Dims{before, after})});
        name = coin(rng, 4) ? "c" + n : add_activation(graph, rng, "c" + n);
        size = (size + before + after - reach) / stride + 1;
        channels = outputs;
        if (size >= 6 && coin(rng)) {
            graph.node(coin(rng) ? "MaxPool" : "AveragePool", {name}, {"p" + n},
                       {GraphWriter::attribute("kernel_shape", Dims{3}),
                        GraphWriter::attribute("strides", Dims{2}),
                        GraphWriter::attribute("pads", Dims{1, 1})});
            name = "p" + n;
            size = (size - 1) / 2 + 1;
        }
    }
    if (coin(rng)) {
        graph.node(coin(rng) ? "GlobalAveragePool" : "GlobalMaxPool", {name}, {"pooled"});
        name = "pooled", size = 1;
    }
    graph.node("Flatten", {name}, {"flat"});
    graph.constant("dw", {channels * size, 4},
                   numbers(rng, channels * size * 4, 1 / std::sqrt(double(channels * size))));
    graph.node("MatMul", {"flat", "dw"}, {"y"});
    graph.output("y", {1, 4});
    model.onnx = graph.model();
    return model;
}

RandomModel random_model(Rng& rng) {
    using Make = RandomModel (*)(Rng&);
    static constexpr Make families[] = {random_dense,      random_regressor,
                                        random_classifier, random_isolation_forest,
                                        random_recurrent,  random_convolution};
    return families[between(rng, 0, 5)](rng);
}

std::vector<float> random_row(const RandomModel& model, Rng& rng) {
    constexpr float infinite = std::numeric_limits<float>::infinity();
    std::vector<float> row = numbers(rng, static_cast<std::int64_t>(model.features),
                                     !model.edges.empty() && coin(rng, 4) ? 4 : 1);
    if (!model.edges.empty() && coin(rng))
        for (std::size_t i = 0; i < row.size(); ++i) {
            const auto& [feature, edge] = model.edges[rng() % model.edges.size()];
            const float beside[] = {edge, std::nextafter(edge, infinite),
                                    std::nextafter(edge, -infinite)};
            row[feature] = beside[between(rng, 0, 2)];
        }
    if (!model.edges.empty() && coin(rng, 3))
        for (std::size_t i = 0; i <= row.size() / 6; ++i) {
            const float odd[] = {std::numeric_limits<float>::quiet_NaN(), infinite, -infinite, 0.0F,
                                 -0.0F};
            row[rng() % row.size()] = odd[between(rng, 0, 4)];
        }
    return row;
}

}  // namespace mw::native
