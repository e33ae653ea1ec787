#pragma once
// The matcher: turns a graph into a plan, or says why the native engine does not take it. One file
// for each family of operators; each operator has one function that adds steps to the plan.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "insight/native/graph.h"
#include "insight/native/plan.h"

namespace mw::native {

// A tensor while matching: a constant of the graph, or numbers that a run computes. The batch is 1.
struct Value {
    std::vector<std::int64_t> dims;
    const Tensor* constant = nullptr;
    float* data = nullptr;
    // 0: contiguous. Else [1, channels, positions] as out[position][channel], this far apart.
    std::uint32_t position_step = 0;
    std::uint32_t halo = 0;  // positions of zeros on either side

    std::size_t size() const;
};

class Matcher {
 public:
    static Result<Plan> match(const Graph& graph, const inference::Binding& binding,
                              const Kernels& kernels, const inference::ModelLimits& limits);

    const Kernels& kernels() const { return kernels_; }
    std::int64_t opset() const { return graph_.opset; }
    Plan& plan() { return plan_; }

    // Names of absent optional inputs are empty.
    Result<Value> value(std::string_view name) const;
    Result<Value> input(const Node& node, std::size_t index) const;
    Result<Value> running_input(const Node& node, std::size_t index);  // contiguous, not constant
    bool has_input(const Node& node, std::size_t index) const;
    bool wants_output(const Node& node, std::size_t index) const;
    Result<const Tensor*> floats_input(const Node& node, std::size_t index) const;
    Result<std::vector<std::int64_t>> integers_input(const Node& node, std::size_t index) const;

    // The node that alone uses `name`, when it is of one of these; else null.
    const Node* only_user(std::string_view name) const;
    void mark_done(const Node& node) { done_.insert(&node); }
    // The activation that alone follows `name`, which becomes the name of what it gives.
    Activation take_activation(std::string_view& name);

    Result<float*> room(const std::vector<std::int64_t>& dims);
    Result<> define(std::string_view name, Value value);
    Result<> define_constant(std::string_view name, Tensor tensor);
    void add(Step step) { plan_.steps.push_back(step); }
    Result<Value> contiguous(const Value& value);
    // Element i of the result is element index[i] of `value`: a view where that is a stretch.
    Result<Value> rearranged(const Value& value, std::vector<std::int64_t> dims,
                             const std::vector<std::uint32_t>& index);

    std::uint32_t halo() const { return halo_; }  // that convolutions of this graph want

    static Error refuse(const Node& node, std::string_view why);

 private:
    Matcher(const Graph& graph, const Kernels& kernels, const inference::ModelLimits& limits,
            std::size_t bytes_max)
        : graph_(graph), kernels_(kernels), limits_(limits), plan_(bytes_max) {}
    Result<> bind_input(const inference::Binding& binding);
    Result<> bind_output(const inference::Binding& binding);
    Result<> find_needed();
    void find_halo();
    Result<> match_all();
    Result<> check_size(const std::vector<std::int64_t>& dims) const;

    const Graph& graph_;
    const Kernels& kernels_;
    inference::ModelLimits limits_;
    Plan plan_;
    std::string_view output_;
    std::uint32_t halo_ = 0;
    std::map<std::string_view, Value> values_;
    std::map<std::string_view, std::vector<const Node*>> users_;  // needed nodes only
    std::set<const Node*> needed_, done_;
    std::deque<Tensor> made_;  // constants of constants
};

using MatchNode = Result<> (*)(Matcher&, const Node&);
struct Operator {
    std::string_view domain, name;
    MatchNode match;
};
std::span<const Operator> dense_operators();
std::span<const Operator> pointwise_operators();
std::span<const Operator> shape_operators();
std::span<const Operator> convolution_operators();
std::span<const Operator> recurrent_operators();
std::span<const Operator> tree_operators();

// The activation that a node is, if it is one.
std::optional<Activation> activation_of(const Matcher& matcher, const Node& node);
// Weights [outputs][inputs] by `at`, in blocks of vectors of outputs; see Dense.
Result<float*> pack_blocks(Matcher& matcher, std::uint32_t outputs, std::uint32_t inputs,
                           std::uint32_t block,
                           const std::function<float(std::uint32_t, std::uint32_t)>& at);
Result<float*> pack_row(Matcher& matcher, std::uint32_t count, const float* from);
Result<float*> constant_room(Matcher& matcher, const Tensor& tensor);
// Where each element of a tensor that is repeated to the shape `to` comes from.
std::vector<std::uint32_t> widening_index(std::span<const std::int64_t> from,
                                          std::span<const std::int64_t> to);
// Of a walk over `dims` with these steps, the position of every element.
std::vector<std::uint32_t> stepping_index(std::span<const std::int64_t> dims,
                                          std::span<const std::int64_t> steps,
                                          std::int64_t first = 0);
std::int64_t product_of(std::span<const std::int64_t> dims);
// -1 and the like count from the end; nullopt: there is no such axis.
std::optional<std::size_t> axis_of(std::int64_t axis, std::size_t rank);

}  // namespace mw::native
