// Activations, arithmetic of two tensors, and sums over axes.
#include <algorithm>
#include <limits>

#include "insight/native/matcher.h"

namespace mw::native {
namespace {

struct CurveName {
    std::string_view op;
    Curve curve;
    float alpha, beta;  // when the node has no such attribute
    bool exact;         // no rounding that another engine might do otherwise
};
constexpr CurveName curve_names[] = {
    {"Relu", Curve::relu, 0, 0, true},
    {"LeakyRelu", Curve::leaky_relu, 0.01F, 0, true},
    {"Elu", Curve::elu, 1, 0, false},
    {"HardSigmoid", Curve::hard_sigmoid, 0.2F, 0.5F, false},
    {"Sigmoid", Curve::sigmoid, 0, 0, false},
    {"Tanh", Curve::tanh, 0, 0, false},
    {"Exp", Curve::exp, 0, 0, false},
    {"Sqrt", Curve::sqrt, 0, 0, true},
    {"Abs", Curve::abs, 0, 0, true},
    {"Neg", Curve::neg, 0, 0, true},
    {"Softplus", Curve::softplus, 0, 0, false},
};

const CurveName* curve_named(const Node& node) {
    for (const CurveName& known : curve_names)
        if (known.op == node.op) return &known;
    return nullptr;
}

// Attributes before opset 11, since then constants that may be absent.
std::optional<Activation> clip_of(const Matcher& matcher, const Node& node) {
    Activation clip{Curve::clip, std::numeric_limits<float>::lowest(),
                    std::numeric_limits<float>::max()};
    if (matcher.opset() < 11) {
        clip.alpha = node.number("min", clip.alpha);
        clip.beta = node.number("max", clip.beta);
        return clip;
    }
    for (const std::size_t index : {1u, 2u}) {
        if (!matcher.has_input(node, index)) continue;
        const auto bound = matcher.floats_input(node, index);
        if (!bound.ok() || (*bound)->floats.size() != 1) return std::nullopt;
        (index == 1 ? clip.alpha : clip.beta) = (*bound)->floats[0];
    }
    return clip;
}

Result<> match_curve(Matcher& matcher, const Node& node) {
    TRY(const Value in, matcher.input(node, 0));
    if (in.constant) return Matcher::refuse(node, "works on a constant");
    const auto activation = activation_of(matcher, node);
    if (!activation) return Matcher::refuse(node, "its bounds are no constants");
    const CurveName* known = curve_named(node);
    matcher.plan().exact &= !known || known->exact;
    std::vector<std::int64_t> stored = in.dims;
    if (in.position_step) stored = {in.dims[2], in.position_step};
    TRY(float* const out, matcher.room(stored));
    const auto count = static_cast<std::uint32_t>(product_of(stored));
    matcher.add(Pointwise{in.data, nullptr, out, count, 0, Pair::none, *activation});
    return matcher.define(node.outputs[0], Value{in.dims, nullptr, out, in.position_step});
}

struct PairName {
    std::string_view op;
    Pair pair;
};
constexpr PairName pair_names[] = {
    {"Add", Pair::add},  {"Sub", Pair::subtract}, {"Mul", Pair::multiply}, {"Div", Pair::divide},
    {"Max", Pair::most}, {"Min", Pair::least},    {"Pow", Pair::power},
};

Pair pair_of(const Node& node) {
    for (const PairName& known : pair_names)
        if (known.op == node.op) return known.pair;
    return Pair::none;
}

std::optional<std::vector<std::int64_t>> broadcast_dims(const std::vector<std::int64_t>& a,
                                                        const std::vector<std::int64_t>& b) {
    std::vector<std::int64_t> dims(std::max(a.size(), b.size()), 1);
    for (std::size_t i = 0; i < dims.size(); ++i) {
        const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
        const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
        if (x != y && x != 1 && y != 1) return std::nullopt;
        dims[dims.size() - 1 - i] = x == 1 ? y : x;
    }
    return dims;
}

Result<Value> constant_value(Matcher& matcher, const Value& value) {
    if (!value.constant) return value;
    TRY(float* const data, constant_room(matcher, *value.constant));
    return Value{value.dims, nullptr, data};
}

// Integers of shapes, which other nodes compute with.
Result<> fold_integers(Matcher& matcher, const Node& node, const Tensor& a, const Tensor& b) {
    const std::size_t count = std::max(a.integers.size(), b.integers.size());
    if ((a.integers.size() != count && a.integers.size() != 1) ||
        (b.integers.size() != count && b.integers.size() != 1))
        return Matcher::refuse(node, "the shapes of constants don't fit");
    Tensor result;
    result.type = a.type;
    result.dims = a.integers.size() == count ? a.dims : b.dims;
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t x = a.integers[a.integers.size() == 1 ? 0 : i];
        const std::int64_t y = b.integers[b.integers.size() == 1 ? 0 : i];
        std::int64_t z = 0;
        const Pair pair = pair_of(node);
        const bool failed = pair == Pair::add        ? __builtin_add_overflow(x, y, &z)
                            : pair == Pair::subtract ? __builtin_sub_overflow(x, y, &z)
                            : pair == Pair::multiply ? __builtin_mul_overflow(x, y, &z)
                            : pair == Pair::divide   ? y <= 0 || ((z = x / y), false)
                                                     : true;
        if (failed) return Matcher::refuse(node, "this arithmetic of constants is not taken");
        result.integers.push_back(z);
    }
    return matcher.define_constant(node.outputs[0], std::move(result));
}

Result<Value> widened(Matcher& matcher, const Value& value, const std::vector<std::int64_t>& dims) {
    if (value.size() == static_cast<std::size_t>(product_of(dims))) return value;
    if (value.constant && value.size() == 1) {
        Tensor same = *value.constant;
        same.floats.assign(static_cast<std::size_t>(product_of(dims)), value.constant->floats[0]);
        TRY(float* const data, constant_room(matcher, same));
        return Value{dims, nullptr, data};
    }
    return matcher.rearranged(value, dims, widening_index(value.dims, dims));
}

Result<> match_pair(Matcher& matcher, const Node& node) {
    if (node.inputs.size() != 2) return Matcher::refuse(node, "wants two inputs");
    TRY(Value a, matcher.input(node, 0));
    TRY(Value b, matcher.input(node, 1));
    if (a.constant && b.constant) {
        if (!a.constant->floats.empty() || !b.constant->floats.empty())
            return Matcher::refuse(node, "works on constants of floats");
        return fold_integers(matcher, node, *a.constant, *b.constant);
    }
    for (const Value* value : {&a, &b})
        if (value->constant && value->constant->type != ElementType::f32)
            return Matcher::refuse(node, "a constant is no float");
    TRY(a, matcher.contiguous(a));
    TRY(b, matcher.contiguous(b));
    const auto dims = broadcast_dims(a.dims, b.dims);
    if (!dims) return Matcher::refuse(node, "the shapes don't fit");
    TRY(float* const out, matcher.room(*dims));
    TRY(a, widened(matcher, a, *dims));
    if (b.size() != 1) {
        TRY(b, widened(matcher, b, *dims));
    }
    TRY(a, constant_value(matcher, a));
    TRY(b, constant_value(matcher, b));
    Pointwise step{a.data, b.data,        out, static_cast<std::uint32_t>(product_of(*dims)),
                   0,      pair_of(node), {}};
    step.b_step = b.size() == 1 ? 0 : 1;
    std::string_view name = node.outputs[0];
    const Node* next = matcher.only_user(name);
    const CurveName* known = next ? curve_named(*next) : nullptr;
    step.activation = matcher.take_activation(name);
    if (step.activation.curve != Curve::none) matcher.plan().exact &= !known || known->exact;
    matcher.add(step);
    return matcher.define(name, Value{*dims, nullptr, out});
}

Result<std::vector<std::int64_t>> axes_of(Matcher& matcher, const Node& node, std::size_t rank) {
    std::vector<std::int64_t> axes;
    if (const Attribute* given = node.find("axes")) {
        axes = given->integers;
    } else if (matcher.has_input(node, 1)) {
        TRY(axes, matcher.integers_input(node, 1));
    }
    if (axes.empty()) {
        if (node.integer("noop_with_empty_axes", 0) != 0)
            return Matcher::refuse(node, "noop_with_empty_axes is set");
        for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
    }
    for (std::int64_t& axis : axes) {
        const auto found = axis_of(axis, rank);
        if (!found) return Matcher::refuse(node, "there is no such axis");
        axis = static_cast<std::int64_t>(*found);
    }
    std::sort(axes.begin(), axes.end());
    for (std::size_t i = 1; i < axes.size(); ++i)
        if (axes[i] != axes[0] + static_cast<std::int64_t>(i))
            return Matcher::refuse(node, "its axes are not neighbours");
    return axes;
}

Result<> match_reduce(Matcher& matcher, const Node& node) {
    TRY(const Value in, matcher.running_input(node, 0));
    TRY(const auto axes, axes_of(matcher, node, in.dims.size()));
    const std::span<const std::int64_t> dims = in.dims;
    const auto first = axes.empty() ? 0 : static_cast<std::size_t>(axes[0]);
    const std::size_t last = first + axes.size();
    Reduce step{};
    step.in = in.data;
    step.outer = static_cast<std::uint32_t>(product_of(dims.first(first)));
    step.folded = static_cast<std::uint32_t>(product_of(dims.subspan(first, axes.size())));
    step.inner = static_cast<std::uint32_t>(product_of(dims.subspan(last)));
    step.fold = node.op == "ReduceSum"    ? Fold::sum
                : node.op == "ReduceMean" ? Fold::mean
                                          : Fold::most;
    std::vector<std::int64_t> result = in.dims;
    for (std::size_t i = last; i > first; --i) {
        if (node.integer("keepdims", 1) != 0)
            result[i - 1] = 1;
        else
            result.erase(result.begin() + static_cast<std::ptrdiff_t>(i - 1));
    }
    TRY(float* const out, matcher.room(result));
    step.out = out;
    matcher.add(step);
    matcher.plan().exact &= step.folded == 1;
    return matcher.define(node.outputs[0], Value{std::move(result), nullptr, out});
}

// The values only: what index they had is not asked by any model of ours.
Result<> match_top(Matcher& matcher, const Node& node) {
    TRY(const Value in, matcher.running_input(node, 0));
    TRY(const auto count, matcher.integers_input(node, 1));
    const auto axis = axis_of(node.integer("axis", -1), in.dims.size());
    if (matcher.wants_output(node, 1)) return Matcher::refuse(node, "its indices are used");
    if (!axis || in.size() != static_cast<std::size_t>(in.dims[*axis]))
        return Matcher::refuse(node, "takes one row of numbers");
    if (count.size() != 1 || count[0] < 1 || count[0] > in.dims[*axis])
        return Matcher::refuse(node, "K is not between 1 and the size of the row");
    std::vector<std::int64_t> dims = in.dims;
    dims[*axis] = count[0];
    TRY(float* const out, matcher.room(dims));
    matcher.add(Extremes{in.data, out, static_cast<std::uint32_t>(in.size()),
                         static_cast<std::uint32_t>(count[0]), node.integer("largest", 1) != 0});
    return matcher.define(node.outputs[0], Value{std::move(dims), nullptr, out});
}

constexpr Operator pointwise_table[] = {
    {"", "Relu", match_curve},        {"", "LeakyRelu", match_curve},
    {"", "Elu", match_curve},         {"", "HardSigmoid", match_curve},
    {"", "Sigmoid", match_curve},     {"", "Tanh", match_curve},
    {"", "Exp", match_curve},         {"", "Sqrt", match_curve},
    {"", "Abs", match_curve},         {"", "Neg", match_curve},
    {"", "Softplus", match_curve},    {"", "Clip", match_curve},
    {"", "Add", match_pair},          {"", "Sub", match_pair},
    {"", "Mul", match_pair},          {"", "Div", match_pair},
    {"", "Max", match_pair},          {"", "Min", match_pair},
    {"", "Pow", match_pair},          {"", "ReduceSum", match_reduce},
    {"", "ReduceMean", match_reduce}, {"", "ReduceMax", match_reduce},
    {"", "TopK", match_top},
};

}  // namespace

std::optional<Activation> activation_of(const Matcher& matcher, const Node& node) {
    if (!node.domain.empty() && node.domain != "ai.onnx") return std::nullopt;
    if (node.op == "Clip") return clip_of(matcher, node);
    const CurveName* known = curve_named(node);
    if (!known || node.inputs.size() != 1) return std::nullopt;
    return Activation{known->curve, node.number("alpha", known->alpha),
                      node.number("beta", known->beta)};
}

std::span<const Operator> pointwise_operators() { return pointwise_table; }

}  // namespace mw::native
