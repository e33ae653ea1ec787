#!/usr/bin/env python3
"""A trainer outside of Millwright: XGBoost learns the labels of a frozen dataset.

    millwright model train --labels --dataset labelled-june --pipeline pipeline.yaml --push failures:1 \\
        --command 'python3 xgboost_trainer.py' --version-command 'python3 xgboost_trainer.py --version'

Needs python3-xgboost and python3-onnx. It finds features.csv, the windows as the model will see them, and leaves
model.onnx: a probability. pipeline.yaml decides from which one on is an alarm (threshold: {raise: 0.5}).
"""
import csv
import json
import sys

import numpy
import onnx
import xgboost
from onnx import TensorProto, helper

TREES, DEPTH, RATE = 100, 4, 0.1


def windows():
    """Features and labels, in the order of time within each recording."""
    with open("features.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    known = [row for row in rows if row[2] != ""]
    if len({row[2] for row in known}) < 2:
        sys.exit("features.csv needs windows with label 0 and with label 1; freeze a dataset with both")
    return (numpy.array([row[3:] for row in known], dtype=numpy.float32),
            numpy.array([row[2] for row in known], dtype=numpy.float32))


def ensemble(booster):
    """XGBoost's trees node by node: right where a feature is not below its threshold."""
    names = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
             "missing_value_tracks_true")
    nodes, leaves = {name: [] for name in names}, []
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    for number, tree in enumerate(model["trees"]):
        for node, left in enumerate(tree["left_children"]):
            inner = left >= 0
            row = (number, node, tree["split_indices"][node] if inner else 0,
                   tree["split_conditions"][node] if inner else 0.0, "BRANCH_LT" if inner else "LEAF",
                   left if inner else 0, tree["right_children"][node] if inner else 0,
                   int(tree["default_left"][node]) if inner else 0)
            for name, value in zip(names, row):
                nodes[name].append(value)
            if not inner:
                leaves.append((number, node, tree["split_conditions"][node]))
    trees, ids, weights = zip(*leaves)
    return helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["sum"], domain="ai.onnx.ml", n_targets=1, target_treeids=trees,
        target_nodeids=ids, target_ids=[0] * len(ids), target_weights=weights,
        **{f"nodes_{name}": values for name, values in nodes.items()})


def main():
    if "--version" in sys.argv:
        print("xgboost", xgboost.__version__)
        return
    x, y = windows()
    fifth = len(x) * 4 // 5  # the last fifth of the rows judges
    settings = {"objective": "binary:logistic", "base_score": 0.5, "max_depth": DEPTH, "eta": RATE, "nthread": 1, "seed": 1}
    trial = xgboost.train(settings, xgboost.DMatrix(x[:fifth], y[:fifth]), TREES)
    right = ((trial.predict(xgboost.DMatrix(x[fifth:])) > 0.5) == (y[fifth:] > 0.5)).mean()
    booster = xgboost.train(settings, xgboost.DMatrix(x, y), TREES)
    graph = helper.make_graph(
        [ensemble(booster), helper.make_node("Sigmoid", ["sum"], ["y"])], "xgboost",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, x.shape[1]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 3)])
    model.ir_version = 7
    onnx.save(model, "model.onnx")
    print(f"{len(x)} windows, {x.shape[1]} features, right in {right:.1%} of the last fifth")


if __name__ == "__main__":
    main()
