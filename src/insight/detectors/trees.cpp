#include "insight/detectors/trees.h"

namespace mw::detectors {

float leaf_of(const Tree& tree, std::span<const float> row) {
    std::size_t at = 0;
    while (tree[at].left >= 0) {
        const TreeNode& node = tree[at];
        const bool left = row[static_cast<std::size_t>(node.feature)] < node.threshold;
        at = static_cast<std::size_t>(left ? node.left : node.right);
    }
    return tree[at].value;
}

double sum_of(const std::vector<Tree>& trees, std::span<const float> row) {
    double sum = 0;
    for (const Tree& tree : trees) sum += leaf_of(tree, row);
    return sum;
}

void add_ensemble(OnnxGraph& graph, const std::string& input, const std::string& output,
                  const std::vector<Tree>& trees, bool average, float base) {
    OnnxGraph::Ensemble e;
    e.average = average;
    e.base = base;
    for (std::size_t t = 0; t < trees.size(); ++t)
        for (std::size_t i = 0; i < trees[t].size(); ++i) {
            const TreeNode& node = trees[t][i];
            const bool leaf = node.left < 0;
            e.trees.push_back(static_cast<std::int64_t>(t));
            e.nodes.push_back(static_cast<std::int64_t>(i));
            e.features.push_back(node.feature);
            e.thresholds.push_back(node.threshold);
            e.modes.emplace_back(leaf ? "LEAF" : "BRANCH_LT");
            e.yes.push_back(leaf ? 0 : node.left);
            e.no.push_back(leaf ? 0 : node.right);
            if (!leaf) continue;
            e.leaf_trees.push_back(static_cast<std::int64_t>(t));
            e.leaf_nodes.push_back(static_cast<std::int64_t>(i));
            e.leaf_values.push_back(node.value);
        }
    graph.trees(input, output, e);
}

}  // namespace mw::detectors
