// Gemm, MatMul with its Add, Softmax.
#include "insight/native/matcher.h"

namespace mw::native {
namespace {

using Numbers = std::vector<float>;

// The Add of a constant row that alone follows `name`, which becomes the name of the sum.
Numbers take_bias(Matcher& matcher, std::string_view& name, std::int64_t outputs,
                  std::size_t rank) {
    const Node* next = matcher.only_user(name);
    if (!next || next->op != "Add" || !next->domain.empty() || next->inputs.size() != 2 ||
        next->outputs.empty())
        return {};
    const auto other = matcher.value(next->inputs[next->inputs[0] == name ? 1 : 0]);
    if (!other.ok() || !other->constant || other->constant->type != ElementType::f32) return {};
    const auto& dims = other->dims;
    const auto size = static_cast<std::int64_t>(other->size());
    if (dims.size() > rank || (size != 1 && (size != outputs || dims.back() != outputs))) return {};
    matcher.mark_done(*next);
    name = next->outputs[0];
    if (size == outputs) return other->constant->floats;
    return Numbers(static_cast<std::size_t>(outputs), other->constant->floats[0]);
}

struct Layer {
    Value in;
    std::uint32_t inputs = 0, outputs = 0;
    std::vector<std::int64_t> dims;  // of the result
    Numbers bias;                    // empty: zeros
};

Result<> add_dense(Matcher& matcher, std::string_view name, const Layer& layer,
                   const std::function<float(std::uint32_t, std::uint32_t)>& weight) {
    const Activation activation = matcher.take_activation(name);
    Dense dense{};
    dense.in = layer.in.data;
    dense.inputs = layer.inputs;
    dense.outputs = layer.outputs;
    dense.rows = static_cast<std::uint32_t>(layer.in.size() / layer.inputs);
    dense.activation = activation;
    TRY(dense.weights, pack_blocks(matcher, layer.outputs, layer.inputs, dense_block, weight));
    TRY(dense.bias,
        pack_row(matcher, layer.outputs, layer.bias.empty() ? nullptr : layer.bias.data()));
    TRY(dense.out, matcher.room(layer.dims));
    matcher.add(dense);
    matcher.plan().exact = false;
    return matcher.define(name, Value{layer.dims, nullptr, dense.out});
}

Result<Numbers> gemm_bias(Matcher& matcher, const Node& node, std::int64_t outputs,
                          std::int64_t rows) {
    if (!matcher.has_input(node, 2)) return Numbers{};
    TRY(const Tensor* c, matcher.floats_input(node, 2));
    const auto count = static_cast<std::int64_t>(c->floats.size());
    if (c->dims.size() > 2 || (count != 1 && (count != outputs || c->dims.back() != outputs)))
        if (count != outputs || rows != 1)
            return Matcher::refuse(node, "C is no row of the outputs");
    Numbers bias = c->floats;
    if (count == 1) bias.assign(static_cast<std::size_t>(outputs), c->floats[0]);
    for (float& number : bias) number *= node.number("beta", 1);
    return bias;
}

Result<> match_gemm(Matcher& matcher, const Node& node) {
    TRY(const Value in, matcher.running_input(node, 0));
    TRY(const Tensor* b, matcher.floats_input(node, 1));
    if (node.integer("transA", 0) != 0) return Matcher::refuse(node, "transA is set");
    if (in.dims.size() != 2 || b->dims.size() != 2)
        return Matcher::refuse(node, "A and B must have two axes");
    const bool transposed = node.integer("transB", 0) != 0;
    const std::int64_t inputs = b->dims[transposed ? 1 : 0], outputs = b->dims[transposed ? 0 : 1];
    if (inputs != in.dims[1] || inputs <= 0 || outputs <= 0)
        return Matcher::refuse(node, "the shapes of A and B don't fit");
    Layer layer{in,
                static_cast<std::uint32_t>(inputs),
                static_cast<std::uint32_t>(outputs),
                {in.dims[0], outputs},
                {}};
    TRY(layer.bias, gemm_bias(matcher, node, outputs, in.dims[0]));
    const float alpha = node.number("alpha", 1);
    return add_dense(matcher, node.outputs[0], layer, [&](std::uint32_t o, std::uint32_t i) {
        const std::size_t at =
            transposed ? std::size_t{o} * layer.inputs + i : std::size_t{i} * layer.outputs + o;
        return alpha * b->floats[at];
    });
}

Result<> match_matmul(Matcher& matcher, const Node& node) {
    TRY(const Value in, matcher.running_input(node, 0));
    TRY(const Tensor* b, matcher.floats_input(node, 1));
    if (b->dims.size() != 2 || in.dims.empty())
        return Matcher::refuse(node, "B must have two axes");
    if (b->dims[0] != in.dims.back() || product_of(b->dims) <= 0)
        return Matcher::refuse(node, "the shapes of A and B don't fit");
    Layer layer{in,
                static_cast<std::uint32_t>(b->dims[0]),
                static_cast<std::uint32_t>(b->dims[1]),
                in.dims,
                {}};
    layer.dims.back() = b->dims[1];
    std::string_view name = node.outputs[0];
    layer.bias = take_bias(matcher, name, b->dims[1], in.dims.size());
    return add_dense(matcher, name, layer, [&](std::uint32_t o, std::uint32_t i) {
        return b->floats[std::size_t{i} * layer.outputs + o];
    });
}

// Before opset 13 the axes from `axis` on are one; since then `axis` is one axis.
Result<> match_softmax(Matcher& matcher, const Node& node) {
    TRY(const Value in, matcher.running_input(node, 0));
    const bool old = matcher.opset() < 13;
    const auto axis = axis_of(node.integer("axis", old ? 1 : -1), in.dims.size());
    if (!axis) return Matcher::refuse(node, "there is no such axis");
    const std::span<const std::int64_t> dims = in.dims;
    if (!old && product_of(dims.subspan(*axis + 1)) != 1)
        return Matcher::refuse(node, "its axis is not the last one");
    Softmax softmax{};
    softmax.in = in.data;
    softmax.rows = static_cast<std::uint32_t>(product_of(dims.first(*axis)));
    softmax.width = static_cast<std::uint32_t>(product_of(dims.subspan(*axis)));
    TRY(softmax.out, matcher.room(in.dims));
    matcher.add(softmax);
    matcher.plan().exact = false;
    return matcher.define(node.outputs[0], Value{in.dims, nullptr, softmax.out});
}

constexpr Operator dense_table[] = {
    {"", "Gemm", match_gemm}, {"", "MatMul", match_matmul}, {"", "Softmax", match_softmax}};

}  // namespace

std::span<const Operator> dense_operators() { return dense_table; }

}  // namespace mw::native
