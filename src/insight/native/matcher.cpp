#include "insight/native/matcher.h"

#include <algorithm>
#include <limits>

namespace mw::native {
namespace {

constexpr std::size_t plan_bytes_max = 256u << 20;
constexpr std::uint32_t halo_max = 64;

bool same_domain(std::string_view a, std::string_view b) { return (a == "ai.onnx" ? "" : a) == b; }

MatchNode matcher_of(const Node& node) {
    for (const auto operators : {dense_operators(), pointwise_operators(), shape_operators(),
                                 convolution_operators(), recurrent_operators(), tree_operators()})
        for (const Operator& known : operators)
            if (known.name == node.op && same_domain(node.domain, known.domain)) return known.match;
    return nullptr;
}

std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

Error bad_match(std::string message) { return Error{Errc::invalid_input, std::move(message)}; }

Result<const Port*> port_of(const std::vector<Port>& ports, const std::string& name,
                            const std::string& what) {
    const Port* found = name.empty() && ports.size() == 1 ? &ports[0] : nullptr;
    for (const Port& port : ports)
        if (!name.empty() && port.name == name) found = &port;
    if (!found)
        return bad_match(name.empty() ? "the graph has " + std::to_string(ports.size()) + " " +
                                            what + "s, and none is named"
                                      : "the graph has no " + what + " '" + name + "'");
    if (!found->tensor || found->type != ElementType::f32)
        return bad_match(what + " " + quoted(found->name) + " is not a float tensor");
    return found;
}

}  // namespace

std::int64_t product_of(std::span<const std::int64_t> dims) {
    std::int64_t product = 1;
    for (const std::int64_t dim : dims) {
        if (dim < 0 || (dim > 0 && product > std::numeric_limits<std::int32_t>::max() / dim))
            return -1;
        product *= dim;
    }
    return product;
}

std::optional<std::size_t> axis_of(std::int64_t axis, std::size_t rank) {
    const auto size = static_cast<std::int64_t>(rank);
    if (axis < -size || axis >= size) return std::nullopt;
    return static_cast<std::size_t>(axis < 0 ? axis + size : axis);
}

std::size_t Value::size() const { return static_cast<std::size_t>(product_of(dims)); }

Error Matcher::refuse(const Node& node, std::string_view why) {
    return bad_match(std::string(node.op.substr(0, 64)) + ": " + std::string(why));
}

Result<Plan> Matcher::match(const Graph& graph, const inference::Binding& binding,
                            const Kernels& kernels, const inference::ModelLimits& limits) {
    Matcher matcher(graph, kernels, limits, plan_bytes_max);
    TRY_VOID(matcher.bind_input(binding));
    TRY(const Port* output, port_of(graph.outputs, binding.output, "output"));
    matcher.output_ = output->name;
    TRY_VOID(matcher.find_needed());
    matcher.find_halo();
    TRY_VOID(matcher.match_all());
    TRY_VOID(matcher.bind_output(binding));
    return std::move(matcher.plan_);
}

Result<> Matcher::bind_input(const inference::Binding& binding) {
    if (graph_.inputs.size() != 1)
        return bad_match("the graph has " + std::to_string(graph_.inputs.size()) +
                         " inputs, want one");
    TRY(const Port* port, port_of(graph_.inputs, binding.input, "input"));
    TRY(plan_.input, inference::filled_in({std::string(port->name), port->dims}, binding.features,
                                          limits_.elements_max));
    TRY(plan_.in, room(plan_.input.dims));
    Value value{plan_.input.dims, nullptr, plan_.in};
    plan_.in_size = value.size();
    return define(port->name, std::move(value));
}

Result<> Matcher::bind_output(const inference::Binding&) {
    TRY(Value value, value(output_));
    if (value.constant) return bad_match("the output is a constant");
    TRY(value, contiguous(value));
    plan_.output = {std::string(output_), value.dims};
    plan_.out = value.data;
    plan_.out_size = value.size();
    return {};
}

// From the output backwards: what other outputs want, such as a classifier's label, is not run.
Result<> Matcher::find_needed() {
    std::map<std::string_view, const Node*> maker;
    for (const Node& node : graph_.nodes)
        for (const std::string_view name : node.outputs)
            if (!name.empty() && !maker.emplace(name, &node).second)
                return bad_match("tensor " + quoted(name) + " is made twice");
    std::vector<std::string_view> wanted{output_};
    while (!wanted.empty()) {
        const auto found = maker.find(wanted.back());
        wanted.pop_back();
        if (found == maker.end() || !needed_.insert(found->second).second) continue;
        for (const std::string_view name : found->second->inputs)
            if (!name.empty()) {
                wanted.push_back(name);
                users_[name].push_back(found->second);
            }
    }
    for (const Tensor& constant : graph_.constants)
        values_.emplace(constant.name, Value{constant.dims, &constant});
    return {};
}

void Matcher::find_halo() {
    for (const Node* node : needed_)
        if (const Attribute* pads = node->op == "Conv" ? node->find("pads") : nullptr)
            for (const std::int64_t pad : pads->integers)
                if (pad > halo_ && pad <= halo_max) halo_ = static_cast<std::uint32_t>(pad);
}

Result<> Matcher::match_all() {
    for (const Node& node : graph_.nodes) {
        if (!needed_.contains(&node) || done_.contains(&node)) continue;
        const MatchNode match = matcher_of(node);
        if (!match)
            return bad_match("operator " + std::string(node.op.substr(0, 64)) +
                             " is not one of the native engine's");
        for (const Attribute& attribute : node.attributes)
            if (attribute.graph) return refuse(node, "has a graph inside");
        if (node.outputs.empty()) return refuse(node, "has no output");
        TRY_VOID(match(*this, node));
    }
    return {};
}

Result<Value> Matcher::value(std::string_view name) const {
    const auto found = values_.find(name);
    if (found == values_.end())
        return bad_match("tensor " + quoted(name.substr(0, 64)) + " is used before it is made");
    const Tensor* constant = found->second.constant;
    if (!constant) return found->second;
    if (constant->outside)
        return bad_match("constant " + quoted(name) + " lies outside of the file");
    if (product_of(constant->dims) != static_cast<std::int64_t>(constant->size()))
        return bad_match("constant " + quoted(name) +
                         " has a type that the native engine does not take, or a wrong size");
    return found->second;
}

bool Matcher::has_input(const Node& node, std::size_t index) const {
    return index < node.inputs.size() && !node.inputs[index].empty();
}

bool Matcher::wants_output(const Node& node, std::size_t index) const {
    if (index >= node.outputs.size() || node.outputs[index].empty()) return false;
    return node.outputs[index] == output_ || users_.contains(node.outputs[index]);
}

Result<Value> Matcher::input(const Node& node, std::size_t index) const {
    if (!has_input(node, index)) return refuse(node, "an input is missing");
    return value(node.inputs[index]);
}

Result<Value> Matcher::running_input(const Node& node, std::size_t index) {
    TRY(const Value found, input(node, index));
    if (found.constant) return refuse(node, "works on a constant");
    return contiguous(found);
}

Result<const Tensor*> Matcher::floats_input(const Node& node, std::size_t index) const {
    TRY(const Value found, input(node, index));
    if (!found.constant || (found.constant->type != ElementType::f32))
        return refuse(node, "input " + std::to_string(index) + " is no constant of floats");
    return found.constant;
}

Result<std::vector<std::int64_t>> Matcher::integers_input(const Node& node,
                                                          std::size_t index) const {
    TRY(const Value found, input(node, index));
    if (!found.constant || !found.constant->floats.empty())
        return refuse(node, "input " + std::to_string(index) + " is no constant of integers");
    return found.constant->integers;
}

const Node* Matcher::only_user(std::string_view name) const {
    const auto found = users_.find(name);
    if (name == output_ || found == users_.end() || found->second.size() != 1) return nullptr;
    return found->second[0];
}

Activation Matcher::take_activation(std::string_view& name) {
    const Node* next = only_user(name);
    if (!next || next->outputs.empty()) return {};
    const auto found = activation_of(*this, *next);
    if (!found) return {};
    mark_done(*next);
    name = next->outputs[0];
    return *found;
}

Result<> Matcher::check_size(const std::vector<std::int64_t>& dims) const {
    const std::int64_t size = product_of(dims);
    if (size <= 0 || static_cast<std::size_t>(size) > limits_.elements_max)
        return bad_match("a tensor of the graph is empty or has more than " +
                         std::to_string(limits_.elements_max) + " elements");
    return {};
}

Result<float*> Matcher::room(const std::vector<std::int64_t>& dims) {
    TRY_VOID(check_size(dims));
    return plan_.memory.take<float>(static_cast<std::size_t>(product_of(dims)));
}

Result<> Matcher::define(std::string_view name, Value value) {
    if (value.dims.size() > 8) return bad_match("tensor " + quoted(name) + " has over 8 axes");
    if (!values_.emplace(name, std::move(value)).second)
        return bad_match("tensor " + quoted(name) + " is made twice");
    return {};
}

Result<> Matcher::define_constant(std::string_view name, Tensor tensor) {
    made_.push_back(std::move(tensor));
    return define(name, Value{made_.back().dims, &made_.back()});
}

Result<Value> Matcher::contiguous(const Value& value) {
    if (value.position_step == 0) return value;
    const auto channels = static_cast<std::uint32_t>(value.dims[1]);
    const auto positions = static_cast<std::uint32_t>(value.dims[2]);
    std::vector<std::uint32_t> index;
    index.reserve(value.size());
    for (std::uint32_t channel = 0; channel < channels; ++channel)
        for (std::uint32_t position = 0; position < positions; ++position)
            index.push_back(position * value.position_step + channel);
    return rearranged(Value{value.dims, nullptr, value.data}, value.dims, index);
}

Result<Value> Matcher::rearranged(const Value& value, std::vector<std::int64_t> dims,
                                  const std::vector<std::uint32_t>& index) {
    if (value.constant) {
        Tensor tensor;
        tensor.type = value.constant->type;
        tensor.dims = std::move(dims);
        const bool floats = !value.constant->floats.empty();
        for (const std::uint32_t i : index) {
            if (floats) tensor.floats.push_back(value.constant->floats[i]);
            if (!floats) tensor.integers.push_back(value.constant->integers[i]);
        }
        made_.push_back(std::move(tensor));
        return Value{made_.back().dims, &made_.back()};
    }
    TRY_VOID(check_size(dims));
    bool stretch = true;
    for (std::size_t i = 1; i < index.size(); ++i) stretch &= index[i] == index[0] + i;
    if (stretch) return Value{std::move(dims), nullptr, value.data + index[0]};
    TRY(std::uint32_t* const kept, plan_.memory.take<std::uint32_t>(index.size()));
    std::copy(index.begin(), index.end(), kept);
    TRY(float* const out, room(dims));
    add(Pick{value.data, out, kept, static_cast<std::uint32_t>(index.size())});
    return Value{std::move(dims), nullptr, out};
}

Result<float*> pack_blocks(Matcher& matcher, std::uint32_t outputs, std::uint32_t inputs,
                           std::uint32_t block,
                           const std::function<float(std::uint32_t, std::uint32_t)>& at) {
    const std::uint32_t lanes = matcher.kernels().lanes;
    const std::uint32_t vectors = (outputs + lanes - 1) / lanes;
    TRY(float* const packed,
        matcher.plan().memory.take<float>(std::size_t{vectors} * lanes * inputs));
    float* to = packed;
    for (std::uint32_t first = 0; first < vectors; first += block) {
        const std::uint32_t width = std::min(block, vectors - first) * lanes;
        for (std::uint32_t i = 0; i < inputs; ++i)
            for (std::uint32_t lane = 0; lane < width; ++lane, ++to)
                if (first * lanes + lane < outputs) *to = at(first * lanes + lane, i);
    }
    return packed;
}

Result<float*> pack_row(Matcher& matcher, std::uint32_t count, const float* from) {
    TRY(float* const row, matcher.plan().memory.take<float>(count + matcher.kernels().lanes));
    if (from) std::copy_n(from, count, row);
    return row;
}

Result<float*> constant_room(Matcher& matcher, const Tensor& tensor) {
    return pack_row(matcher, static_cast<std::uint32_t>(tensor.floats.size()),
                    tensor.floats.data());
}

}  // namespace mw::native
