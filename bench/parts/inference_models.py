#!/usr/bin/env python3
"""Models for bench/inference.py, as PyTorch exports them and of trees that XGBoost and scikit-learn grew.

    inference_models.py FOLDER     writes NAME.onnx, and forest.c with the trees as nested ifs

Debian has no converters for trees: they are written node by node, as the converters do it.
"""
import json
import pathlib
import sys

import numpy
import onnx
import sklearn.ensemble
import torch
import xgboost
from onnx import TensorProto, helper

FEATURES, ROWS, TREES = 24, 20000, 100


def save_network(folder, name, module, shape):
    torch.manual_seed(7)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    module.eval()
    torch.onnx.export(module, torch.zeros(shape), str(folder / f"{name}.onnx"), opset_version=13,
                      input_names=["x"], output_names=["y"])


class LastState(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cell, self.head = kind(8, 32, batch_first=True), torch.nn.Linear(32, 1)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


def networks(folder):
    nn = torch.nn
    save_network(folder, "autoencoder", nn.Sequential(
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8), nn.ReLU(), nn.Linear(8, 32), nn.ReLU(),
        nn.Linear(32, 64)), (1, 64))
    save_network(folder, "classifier", nn.Sequential(
        nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5), nn.Softmax(1)), (1, 24))
    save_network(folder, "cnn", nn.Sequential(
        nn.Conv1d(8, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(32, 64, 5, padding=2), nn.ReLU(),
        nn.MaxPool1d(2), nn.Conv1d(64, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
        nn.Linear(32, 5)), (1, 8, 128))
    save_network(folder, "gru", LastState(nn.GRU), (1, 50, 8))
    save_network(folder, "lstm", LastState(nn.LSTM), (1, 50, 8))


class Forest:
    """Nodes in the lists that TreeEnsembleRegressor takes, and the same as nested ifs in C."""

    def __init__(self, mode):
        self.mode, self.nodes, self.votes, self.c = mode, [], [], []

    def add(self, tree, feature, threshold, left, right, missing_left, value):
        """Arrays over the nodes of one tree; a left child of -1 is a leaf."""
        for node in range(len(feature)):
            leaf = left[node] < 0
            self.nodes.append((tree, node, 0 if leaf else int(feature[node]),
                               0.0 if leaf else float(threshold[node]), "LEAF" if leaf else self.mode,
                               0 if leaf else int(left[node]), 0 if leaf else int(right[node]),
                               0 if leaf else int(missing_left[node])))
            if leaf:
                self.votes.append((tree, node, float(value[node])))

        def nested(node):
            if left[node] < 0:
                return f"s+={numpy.float32(value[node])!r}f;"
            compare = "<" if self.mode == "BRANCH_LT" else "<="
            return (f"if(x[{feature[node]}]{compare}{numpy.float32(threshold[node])!r}f){{{nested(left[node])}}}"
                    f"else{{{nested(right[node])}}}")
        self.c.append(nested(0))

    def node(self, output, base):
        tree, ids, feature, value, mode, yes, no, missing = zip(*self.nodes)
        vote_tree, vote_node, weight = zip(*self.votes)
        return helper.make_node(
            "TreeEnsembleRegressor", ["x"], [output], domain="ai.onnx.ml", n_targets=1, base_values=[base],
            nodes_treeids=tree, nodes_nodeids=ids, nodes_featureids=feature, nodes_values=value, nodes_modes=mode,
            nodes_truenodeids=yes, nodes_falsenodeids=no, nodes_missing_value_tracks_true=missing,
            target_treeids=vote_tree, target_nodeids=vote_node, target_ids=[0] * len(weight), target_weights=weight)

    def function(self, name):
        trees = "\n".join(f"static float {name}_{i}(const float*x){{float s=0;{text}return s;}}"
                          for i, text in enumerate(self.c))
        total = "".join(f"s+={name}_{i}(x);" for i in range(len(self.c)))
        return f"{trees}\nfloat {name}(const float*x){{float s=0;{total}return s;}}\n"


def save_graph(folder, name, nodes, constants=()):
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, FEATURES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor(key, TensorProto.FLOAT, [1], [value]) for key, value in constants])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 3)])
    model.ir_version = 7
    onnx.save(model, str(folder / f"{name}.onnx"))


def boosted(folder, x, y):
    booster = xgboost.train({"max_depth": 6, "eta": 0.1, "nthread": 1, "seed": 7, "tree_method": "hist"},
                            xgboost.DMatrix(x, y), TREES)
    model = json.loads(booster.save_raw("json"))["learner"]
    forest = Forest("BRANCH_LT")
    for i, tree in enumerate(model["gradient_booster"]["model"]["trees"]):
        # A leaf's value stands where an inner node has its threshold.
        forest.add(i, tree["split_indices"], tree["split_conditions"], tree["left_children"],
                   tree["right_children"], tree["default_left"], tree["split_conditions"])
    base = float(model["learner_model_param"]["base_score"])
    save_graph(folder, "boosted", [forest.node("y", base)])
    return forest.function("boosted")


def average_path(count):
    """Of an unsuccessful search in a binary tree; scikit-learn's own is private."""
    count = numpy.asarray(count, dtype=float)
    long = 2 * (numpy.log(numpy.maximum(count - 1, 1)) + numpy.euler_gamma) - 2 * (count - 1) / numpy.maximum(count, 1)
    return numpy.where(count <= 1, 0, numpy.where(count == 2, 1, long))


def isolation(folder, x):
    model = sklearn.ensemble.IsolationForest(n_estimators=TREES, random_state=7).fit(x)
    forest = Forest("BRANCH_LEQ")
    for i, estimator in enumerate(model.estimators_):
        tree = estimator.tree_
        depth = numpy.zeros(tree.node_count)
        for node in range(tree.node_count):
            for child in (tree.children_left[node], tree.children_right[node]):
                if child >= 0:
                    depth[child] = depth[node] + 1
        # scikit-learn compares floats with doubles: the float below one decides the same.
        down = tree.threshold.astype(numpy.float32)
        down = numpy.where(down.astype(float) > tree.threshold, numpy.nextafter(down, numpy.float32(-numpy.inf)), down)
        forest.add(i, tree.feature, down, tree.children_left, tree.children_right,
                   numpy.zeros(tree.node_count, int), depth + average_path(tree.n_node_samples))
    scale = -1.0 / (TREES * float(average_path(model.max_samples_)))
    save_graph(folder, "isolation", [
        forest.node("depths", 0.0), helper.make_node("Mul", ["depths", "scale"], ["relative"]),
        helper.make_node("Pow", ["two", "relative"], ["score"]), helper.make_node("Neg", ["score"], ["y"])],
        [("scale", scale), ("two", 2.0)])
    return forest.function("isolation")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    networks(folder)
    random = numpy.random.default_rng(7)
    x = random.normal(size=(ROWS, FEATURES)).astype(numpy.float32)
    y = x[:, 0] * x[:, 1] + numpy.sin(x[:, 2]) + numpy.abs(x[:, 3]) * (x[:, 4] > 0) + random.normal(size=ROWS) * 0.2
    (folder / "forest.c").write_text(boosted(folder, x, y) + isolation(folder, x))


if __name__ == "__main__":
    main()
