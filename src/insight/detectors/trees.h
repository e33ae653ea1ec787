#pragma once
// Trees as the trainers grow them, and the ONNX ensemble they become. A node with left < 0 is a
// leaf; others go left when the feature is less than the threshold.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "insight/detectors/onnx_graph.h"

namespace mw::detectors {

struct TreeNode {
    std::int32_t feature = 0;
    float threshold = 0;
    std::int32_t left = -1, right = -1;
    float value = 0;  // of a leaf
};
using Tree = std::vector<TreeNode>;  // the root first

float leaf_of(const Tree& tree, std::span<const float> row);
double sum_of(const std::vector<Tree>& trees, std::span<const float> row);
// All trees as one node of the graph; `base` is added to their sum or average.
void add_ensemble(OnnxGraph& graph, const std::string& input, const std::string& output,
                  const std::vector<Tree>& trees, bool average, float base = 0);

}  // namespace mw::detectors
