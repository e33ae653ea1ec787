// TreeEnsembleRegressor and TreeEnsembleClassifier. Every comparison becomes "right when x is at
// least the threshold": neighbouring floats and exchanged branches make four modes one.
#include <algorithm>
#include <cmath>
#include <limits>

#include "insight/native/matcher.h"

namespace mw::native {
namespace {

constexpr float never = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();
constexpr std::size_t depth_max = 256;

// The attributes of one ensemble, as the file lists them.
struct Listing {
    const std::vector<std::int64_t>*features, *ids, *trees, *yes, *no, *missing;
    const std::vector<float>* values;
    const std::vector<std::string_view>* modes;
    const std::vector<std::int64_t>*vote_targets, *vote_ids, *vote_trees;
    const std::vector<float>* vote_weights;
};

struct Vote {
    std::uint32_t target;
    float weight;
};

// A node of a tree that is being built: siblings lie side by side, a leaf's left is itself.
struct TreeNode {
    float threshold = never;
    std::uint16_t feature = 0;
    std::uint16_t left = 0;
};

// The trees, each breadth first.
struct Grove {
    std::vector<TreeNode> nodes;
    std::vector<std::uint8_t> nan_right;
    std::vector<std::uint32_t> roots;
    std::vector<std::uint16_t> depths;     // of each tree
    std::vector<std::vector<Vote>> votes;  // of each node
    std::vector<Edge> edges;
};

float above(float x) {  // the least float that is greater; never, when there is none
    if (std::isnan(x) || x == infinite) return never;
    return std::nextafter(x, infinite);
}

// Where a comparison sends numbers: `yes` on the right side for the modes that say so.
struct Branch {
    float threshold;
    bool yes_right;
};

std::optional<Branch> branch_of(std::string_view mode, float value) {
    // Nothing is less than what is no number: all go right, and "no" is there.
    if (mode == "BRANCH_LT") return Branch{std::isnan(value) ? -infinite : value, false};
    if (mode == "BRANCH_LEQ") return Branch{std::isnan(value) ? -infinite : above(value), false};
    if (mode == "BRANCH_GTE") return Branch{value, true};
    if (mode == "BRANCH_GT") return Branch{above(value), true};
    return std::nullopt;
}

// Builds one tree after the other, breadth first, each child beside its sibling.
class TreeBuilder {
 public:
    TreeBuilder(const Node& node, const Listing& listing, std::uint32_t features)
        : node_(node), list_(listing), features_(features) {}

    Result<Grove> build();

 private:
    struct Place {
        std::size_t from;  // in the listing
        std::uint32_t to;  // in the tree
        std::size_t depth;
    };
    Result<> tree(std::size_t begin, std::size_t end);
    Result<> place(const Place& place, std::size_t begin, std::size_t end);
    Result<> leaf(std::size_t from, std::size_t at);
    Result<std::size_t> child(std::size_t from, bool yes, std::size_t begin, std::size_t end);
    Result<std::uint32_t> pair(std::size_t depth);
    void sort_votes();
    Error refuse(std::string_view why) const { return Matcher::refuse(node_, why); }

    const Node& node_;
    const Listing& list_;
    std::uint32_t features_;
    Grove grove_;
    std::vector<Place> queue_;
    std::vector<std::uint8_t> seen_;                           // in the listing
    std::vector<std::pair<std::int64_t, std::size_t>> by_id_;  // of the tree being built
    std::vector<std::size_t> vote_order_;
    std::uint32_t base_ = 0;
    std::size_t deepest_ = 0;
};

Result<Grove> TreeBuilder::build() {
    const std::size_t count = list_.ids->size();
    if (count == 0) return refuse("has no nodes");
    for (const std::size_t size : {list_.features->size(), list_.trees->size(), list_.yes->size(),
                                   list_.no->size(), list_.values->size(), list_.modes->size()})
        if (size != count) return refuse("its lists of nodes have different sizes");
    if (list_.missing && !list_.missing->empty() && list_.missing->size() != count)
        return refuse("nodes_missing_value_tracks_true has another size");
    for (const std::size_t size :
         {list_.vote_ids->size(), list_.vote_trees->size(), list_.vote_weights->size()})
        if (size != list_.vote_targets->size())
            return refuse("its lists of votes have different sizes");
    seen_.assign(count, 0);
    sort_votes();
    std::set<std::int64_t> trees;
    for (std::size_t begin = 0; begin < count;) {
        std::size_t end = begin + 1;
        while (end < count && (*list_.trees)[end] == (*list_.trees)[begin]) ++end;
        if (!trees.insert((*list_.trees)[begin]).second)
            return refuse("a tree's nodes are not together");
        TRY_VOID(tree(begin, end));
        begin = end;
    }
    return std::move(grove_);
}

void TreeBuilder::sort_votes() {
    vote_order_.resize(list_.vote_ids->size());
    for (std::size_t i = 0; i < vote_order_.size(); ++i) vote_order_[i] = i;
    std::stable_sort(vote_order_.begin(), vote_order_.end(), [&](std::size_t a, std::size_t b) {
        return std::pair((*list_.vote_trees)[a], (*list_.vote_ids)[a]) <
               std::pair((*list_.vote_trees)[b], (*list_.vote_ids)[b]);
    });
}

Result<> TreeBuilder::tree(std::size_t begin, std::size_t end) {
    by_id_.clear();
    for (std::size_t i = begin; i < end; ++i) by_id_.emplace_back((*list_.ids)[i], i);
    std::sort(by_id_.begin(), by_id_.end());
    for (std::size_t i = 1; i < by_id_.size(); ++i)
        if (by_id_[i].first == by_id_[i - 1].first) return refuse("two nodes have one id");
    base_ = static_cast<std::uint32_t>(grove_.nodes.size());
    deepest_ = 0;
    grove_.roots.push_back(base_);
    grove_.nodes.emplace_back();
    grove_.nan_right.push_back(0);
    grove_.votes.emplace_back();
    queue_.assign(1, {begin, 0, 0});
    for (std::size_t next = 0; next < queue_.size(); ++next) {
        const Place here = queue_[next];
        TRY_VOID(place(here, begin, end));
    }
    grove_.depths.push_back(static_cast<std::uint16_t>(deepest_));
    return {};
}

Result<std::size_t> TreeBuilder::child(std::size_t from, bool yes, std::size_t begin,
                                       std::size_t end) {
    const std::int64_t id = (yes ? *list_.yes : *list_.no)[from];
    const auto found = std::lower_bound(by_id_.begin(), by_id_.end(), std::pair(id, begin));
    if (found == by_id_.end() || found->first != id || found->second >= end)
        return refuse("a branch leads to no node");
    if (seen_[found->second]++ != 0 || found->second == begin)
        return refuse("two branches lead to one node");
    return found->second;
}

Result<std::uint32_t> TreeBuilder::pair(std::size_t depth) {
    const std::size_t at = grove_.nodes.size() - base_;
    if (at + 2 > std::numeric_limits<std::uint16_t>::max())
        return refuse("a tree has more than 65535 nodes");
    if (depth + 1 > depth_max) return refuse("a tree is too deep");
    deepest_ = std::max(deepest_, depth + 1);
    grove_.nodes.resize(grove_.nodes.size() + 2);
    grove_.nan_right.resize(grove_.nodes.size(), 0);
    grove_.votes.resize(grove_.nodes.size());
    return static_cast<std::uint32_t>(at);
}

Result<> TreeBuilder::place(const Place& place, std::size_t begin, std::size_t end) {
    const std::size_t at = base_ + place.to, from = place.from;
    const std::string_view mode = (*list_.modes)[from];
    if (mode == "LEAF") return leaf(from, at);
    const float value = (*list_.values)[from];
    const auto branch = branch_of(mode, value);
    if (!branch) return refuse("mode " + std::string(mode.substr(0, 32)) + " is not taken");
    const std::int64_t feature = (*list_.features)[from];
    if (feature < 0 || feature >= features_) return refuse("a node compares no feature");
    TRY(const std::uint32_t left, pair(place.depth));
    const bool tracks = list_.missing && !list_.missing->empty() && (*list_.missing)[from] != 0;
    grove_.nodes[at] = {branch->threshold, static_cast<std::uint16_t>(feature),
                        static_cast<std::uint16_t>(left)};
    grove_.nan_right[at] = tracks == branch->yes_right;
    grove_.edges.push_back({static_cast<std::uint32_t>(feature), value});
    TRY(const std::size_t yes, child(from, true, begin, end));
    TRY(const std::size_t no, child(from, false, begin, end));
    queue_.push_back({branch->yes_right ? no : yes, left, place.depth + 1});
    queue_.push_back({branch->yes_right ? yes : no, left + 1, place.depth + 1});
    return {};
}

// Its votes, in the order of the file.
Result<> TreeBuilder::leaf(std::size_t from, std::size_t at) {
    grove_.nodes[at] = TreeNode{never, 0, static_cast<std::uint16_t>(at - base_)};
    const std::pair key((*list_.trees)[from], (*list_.ids)[from]);
    const auto key_of = [&](std::size_t vote) {
        return std::pair((*list_.vote_trees)[vote], (*list_.vote_ids)[vote]);
    };
    auto found =
        std::lower_bound(vote_order_.begin(), vote_order_.end(), key,
                         [&](std::size_t vote, const auto& k) { return key_of(vote) < k; });
    for (; found != vote_order_.end() && key_of(*found) == key; ++found) {
        const std::int64_t target = (*list_.vote_targets)[*found];
        if (target < 0 || target > std::numeric_limits<std::uint16_t>::max())
            return refuse("a leaf votes for no target");
        grove_.votes[at].push_back(
            {static_cast<std::uint32_t>(target), (*list_.vote_weights)[*found]});
    }
    if (grove_.votes[at].empty()) return refuse("a leaf has no vote");
    return {};
}

// Lists that a node lacks are empty ones.
class Lists {
 public:
    explicit Lists(const Node& node) : node_(node) {}
    const std::vector<std::int64_t>* integers(std::string_view name) const {
        static const std::vector<std::int64_t> none;
        const Attribute* found = node_.find(name);
        return found ? &found->integers : &none;
    }
    const std::vector<float>* floats(std::string_view name) const {
        static const std::vector<float> none;
        const Attribute* found = node_.find(name);
        return found ? &found->floats : &none;
    }
    const std::vector<std::string_view>* texts(std::string_view name) const {
        static const std::vector<std::string_view> none;
        const Attribute* found = node_.find(name);
        return found ? &found->strings : &none;
    }

 private:
    const Node& node_;
};

Listing listing_of(const Node& node, const std::string& votes) {
    const Lists lists(node);
    return {lists.integers("nodes_featureids"),   lists.integers("nodes_nodeids"),
            lists.integers("nodes_treeids"),      lists.integers("nodes_truenodeids"),
            lists.integers("nodes_falsenodeids"), lists.integers("nodes_missing_value_tracks_true"),
            lists.floats("nodes_values"),         lists.texts("nodes_modes"),
            lists.integers(votes + "_ids"),       lists.integers(votes + "_nodeids"),
            lists.integers(votes + "_treeids"),   lists.floats(votes + "_weights")};
}

template <class T>
Result<T*> kept(Matcher& matcher, const std::vector<T>& list) {
    TRY(T* const at, matcher.plan().memory.take<T>(list.size() + 1));
    std::copy(list.begin(), list.end(), at);
    return at;
}

// A place that a walk can come to: a block, or after the last step a leaf.
struct Slot {
    std::uint32_t node;
    std::uint32_t level;  // in steps
};

// One tree as blocks, for walks of a given number of steps.
class Blocks {
 public:
    Blocks(const Grove& grove, std::uint32_t root, std::uint32_t steps)
        : grove_(grove), root_(root), steps_(steps) {
        slots_.push_back({0, 0});
        for (std::size_t i = 0; i < slots_.size() && slots_[i].level < steps_; ++i) add(i);
    }
    const std::vector<Slot>& slots() const { return slots_; }  // breadth first: blocks come first
    const std::vector<TreeBlock>& blocks() const { return blocks_; }

 private:
    const TreeNode& node(std::uint32_t at) const { return grove_.nodes[root_ + at]; }
    bool is_leaf(std::uint32_t at) const { return node(at).left == at; }

    void add(std::size_t slot) {
        const Slot here = slots_[slot];
        TreeBlock block{{}, {}, static_cast<std::uint16_t>(slot), 0};
        for (float& threshold : block.thresholds) threshold = never;
        if (!is_leaf(here.node)) {
            block.first = static_cast<std::uint16_t>(slots_.size());
            fill(block, 0, here.node, here.level);
        }
        blocks_.push_back(block);
    }
    // `at` counts in the block's heap. Below a leaf all paths go left: its other ends are nobody's.
    void fill(TreeBlock& block, std::uint32_t at, std::uint32_t tree_node, std::uint32_t level) {
        if (at >= 7) {
            slots_.push_back({tree_node, level + 1});
            return;
        }
        const bool leaf = is_leaf(tree_node);
        if (!leaf) {
            block.thresholds[at] = node(tree_node).threshold;
            block.features[at] = node(tree_node).feature;
            block.nan_right |= static_cast<std::uint8_t>(grove_.nan_right[root_ + tree_node] << at);
        }
        fill(block, 2 * at + 1, leaf ? tree_node : node(tree_node).left, level);
        fill(block, 2 * at + 2, leaf ? tree_node : node(tree_node).left + 1u, level);
    }

    const Grove& grove_;
    std::uint32_t root_, steps_;
    std::vector<Slot> slots_;
    std::vector<TreeBlock> blocks_;
};

// What all trees' blocks become, and which node each value belongs to.
struct Packed {
    std::vector<TreeBlock> blocks;
    std::vector<std::uint32_t> first_block, first_value, nodes;
    std::vector<std::uint16_t> steps;
};

// Walks go over groups of trees: the last group is filled up with trees of one leaf.
Result<Packed> packed_trees(const Node& node, Grove& grove) {
    const auto empty = static_cast<std::uint32_t>(grove.nodes.size());
    grove.nodes.emplace_back();
    grove.nan_right.push_back(0);
    grove.votes.emplace_back();
    while (grove.roots.size() % trees_together != 0) {
        grove.roots.push_back(empty);
        grove.depths.push_back(0);
    }
    Packed packed;
    for (std::size_t t = 0; t < grove.roots.size(); ++t) {
        const auto group =
            grove.depths.begin() + static_cast<std::ptrdiff_t>(t - t % trees_together);
        const std::uint32_t deepest = *std::max_element(group, group + trees_together);
        const std::uint32_t steps = (deepest + tree_levels - 1) / tree_levels;
        if (t % trees_together == 0) packed.steps.push_back(static_cast<std::uint16_t>(steps));
        const Blocks tree(grove, grove.roots[t], steps);
        if (tree.slots().size() > std::numeric_limits<std::uint16_t>::max())
            return Matcher::refuse(node, "a tree is too large");
        packed.first_block.push_back(static_cast<std::uint32_t>(packed.blocks.size()));
        packed.first_value.push_back(static_cast<std::uint32_t>(packed.nodes.size()));
        packed.blocks.insert(packed.blocks.end(), tree.blocks().begin(), tree.blocks().end());
        for (const Slot& slot : tree.slots()) packed.nodes.push_back(grove.roots[t] + slot.node);
    }
    return packed;
}

Result<Trees> walk_of(Matcher& matcher, const Node& node, Grove& grove, std::uint32_t features,
                      std::vector<std::uint32_t>& value_nodes) {
    Trees walk{};
    walk.features = features;
    walk.trees = static_cast<std::uint32_t>(grove.roots.size());
    TRY(Packed packed, packed_trees(node, grove));
    TRY(walk.blocks, kept(matcher, packed.blocks));
    TRY(walk.first_block, kept(matcher, packed.first_block));
    TRY(walk.first_value, kept(matcher, packed.first_value));
    TRY(walk.steps, kept(matcher, packed.steps));
    TRY(walk.sum, matcher.plan().memory.take<float>(1));
    value_nodes = std::move(packed.nodes);
    return walk;
}

Result<> keep_single_votes(Matcher& matcher, const Node& node, const Grove& grove,
                           const std::vector<std::uint32_t>& value_nodes, TreeScores& trees) {
    std::vector<float> values(value_nodes.size(), 0);
    for (std::size_t i = 0; i < value_nodes.size(); ++i) {
        const auto& votes = grove.votes[value_nodes[i]];
        if (votes.size() > 1 || (votes.size() == 1 && votes[0].target != 0))
            return Matcher::refuse(node, "a leaf votes more than once for one target");
        if (!votes.empty()) values[i] = votes[0].weight;
    }
    TRY(trees.walk.values, kept(matcher, values));
    return {};
}

Result<> keep_votes(Matcher& matcher, const Node& node, const Grove& grove,
                    const std::vector<std::uint32_t>& value_nodes, TreeScores& trees) {
    std::vector<std::uint32_t> first{0}, targets;
    std::vector<float> weights;
    for (const std::uint32_t value_node : value_nodes) {
        for (const Vote& vote : grove.votes[value_node]) {
            if (vote.target >= trees.targets)
                return Matcher::refuse(node, "a leaf votes for no target");
            targets.push_back(vote.target);
            weights.push_back(vote.weight);
        }
        first.push_back(static_cast<std::uint32_t>(targets.size()));
    }
    TRY(trees.first, kept(matcher, first));
    TRY(trees.target, kept(matcher, targets));
    TRY(trees.weight, kept(matcher, weights));
    TRY(trees.walk.leaves, matcher.plan().memory.take<std::uint32_t>(trees.walk.trees));
    TRY(trees.scores, matcher.plan().memory.take<float>(trees.targets));
    TRY(trees.scored, matcher.plan().memory.take<bool>(trees.targets));
    return {};
}

Result<AfterTrees> after_of(const Node& node, std::uint32_t targets) {
    const std::string_view text = node.text("post_transform", "NONE");
    if (text == "NONE") return AfterTrees::none;
    if (text == "PROBIT") return Matcher::refuse(node, "post_transform PROBIT is not taken");
    if (targets == 1) return AfterTrees::none;  // as ONNX Runtime has it
    if (text == "LOGISTIC") return AfterTrees::logistic;
    if (text == "SOFTMAX") return AfterTrees::softmax;
    if (text == "SOFTMAX_ZERO") return AfterTrees::softmax_zero;
    return Matcher::refuse(node, "its post_transform is not taken");
}

Result<> add_trees(Matcher& matcher, const Node& node, const std::string& votes,
                   std::string_view out, TreeScores trees) {
    TRY(const Value in, matcher.running_input(node, 0));
    if (in.dims.size() > 2 || static_cast<std::int64_t>(in.size()) != in.dims.back())
        return Matcher::refuse(node, "takes one row of features");
    for (const Attribute& attribute : node.attributes)
        if (attribute.name.ends_with("_as_tensor"))
            return Matcher::refuse(node, "its numbers are doubles");
    const auto features = static_cast<std::uint32_t>(in.size());
    if (features > std::numeric_limits<std::uint16_t>::max())
        return Matcher::refuse(node, "has more than 65535 features");
    const Listing listing = listing_of(node, votes);
    TRY(Grove grove, TreeBuilder(node, listing, features).build());
    std::vector<std::uint32_t> value_nodes;
    TRY(trees.walk, walk_of(matcher, node, grove, features, value_nodes));
    trees.walk.in = in.data;
    const auto& base = *Lists(node).floats("base_values");
    if (!base.empty() && base.size() != trees.targets && (base.size() != 1 || !trees.binary))
        return Matcher::refuse(node, "base_values has another size than the targets");
    trees.base_values = static_cast<std::uint32_t>(base.size());
    TRY(trees.base, kept(matcher, base));
    TRY(trees.after, after_of(node, trees.targets));
    TRY_VOID(trees.targets == 1 ? keep_single_votes(matcher, node, grove, value_nodes, trees)
                                : keep_votes(matcher, node, grove, value_nodes, trees));
    if (trees.binary && trees.after > AfterTrees::logistic)
        return Matcher::refuse(node, "a softmax of one score");
    const std::vector<std::int64_t> dims{1, trees.targets};
    TRY(trees.out, matcher.room(dims));
    matcher.plan().exact &= trees.after == AfterTrees::none;
    matcher.add(trees);
    if (in.data == matcher.plan().in) matcher.plan().edges = std::move(grove.edges);
    return matcher.define(out, Value{dims, nullptr, trees.out});
}

Result<> match_regressor(Matcher& matcher, const Node& node) {
    const std::int64_t targets = node.integer("n_targets", 0);
    if (targets < 1 || targets > std::numeric_limits<std::uint16_t>::max())
        return Matcher::refuse(node, "n_targets is not between 1 and 65535");
    TreeScores trees{};
    trees.targets = static_cast<std::uint32_t>(targets);
    const std::string_view aggregate = node.text("aggregate_function", "SUM");
    if (aggregate == "AVERAGE") {
        std::set<std::int64_t> ids(Lists(node).integers("nodes_treeids")->begin(),
                                   Lists(node).integers("nodes_treeids")->end());
        trees.divisor = static_cast<float>(ids.size());
    } else if (aggregate != "SUM") {
        return Matcher::refuse(node, "aggregate_function is neither SUM nor AVERAGE");
    }
    return add_trees(matcher, node, "target", node.outputs[0], trees);
}

// The scores only; the label is what other outputs are: not run.
Result<> match_classifier(Matcher& matcher, const Node& node) {
    if (matcher.wants_output(node, 0)) return Matcher::refuse(node, "its label is used");
    if (node.outputs.size() < 2) return Matcher::refuse(node, "its scores have no name");
    const Lists lists(node);
    const std::size_t classes = std::max(lists.integers("classlabels_int64s")->size(),
                                         lists.texts("classlabels_strings")->size());
    if (classes < 2 || classes > std::numeric_limits<std::uint16_t>::max())
        return Matcher::refuse(node, "has less than two classes");
    TreeScores trees{};
    trees.classifier = true;
    trees.targets = static_cast<std::uint32_t>(classes);
    const auto& ids = *lists.integers("class_ids");
    const auto& weights = *lists.floats("class_weights");
    if (classes == 2) {
        const std::set<std::int64_t> voted(ids.begin(), ids.end());
        const auto negative = [](float weight) { return weight < 0; };
        trees.binary = voted.size() == 1;
        trees.all_positive = std::none_of(weights.begin(), weights.end(), negative);
        if (trees.binary && *voted.begin() != 0)
            return Matcher::refuse(node, "all leaves vote for the second of two classes");
        if (!trees.binary && !lists.floats("base_values")->empty())
            return Matcher::refuse(node, "two classes with base_values");
    }
    return add_trees(matcher, node, "class", node.outputs[1], trees);
}

constexpr Operator tree_table[] = {{"ai.onnx.ml", "TreeEnsembleRegressor", match_regressor},
                                   {"ai.onnx.ml", "TreeEnsembleClassifier", match_classifier}};

}  // namespace

std::span<const Operator> tree_operators() { return tree_table; }

}  // namespace mw::native
