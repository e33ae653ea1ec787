// Operators that move numbers and compute none: most cost nothing at run time, since the shapes are
// known when the plan is made. What is asked of shapes is answered here too.
#include <algorithm>
#include <limits>
#include <numeric>

#include "insight/native/matcher.h"

namespace mw::native {
namespace {

using Dims = std::vector<std::int64_t>;

Result<> define_reshaped(Matcher& matcher, const Node& node, Value value, Dims dims) {
    if (product_of(dims) != static_cast<std::int64_t>(value.size()))
        return Matcher::refuse(node, "the number of elements changes");
    TRY(value, matcher.contiguous(value));
    if (!value.constant) {
        value.dims = std::move(dims);
        return matcher.define(node.outputs[0], std::move(value));
    }
    Tensor same = *value.constant;
    same.dims = std::move(dims);
    return matcher.define_constant(node.outputs[0], std::move(same));
}

Result<> match_reshape(Matcher& matcher, const Node& node) {
    TRY(const Value value, matcher.input(node, 0));
    TRY(Dims dims, matcher.integers_input(node, 1));
    if (node.integer("allowzero", 0) != 0) return Matcher::refuse(node, "allowzero is set");
    std::int64_t known = 1;
    for (std::size_t i = 0; i < dims.size(); ++i) {
        if (dims[i] == 0 && i < value.dims.size()) dims[i] = value.dims[i];
        if (dims[i] < -1 || dims[i] > std::numeric_limits<std::int32_t>::max())
            return Matcher::refuse(node, "the shape is invalid");
        if (dims[i] > 0 && known < (std::int64_t{1} << 31)) known *= dims[i];
    }
    const auto free = std::find(dims.begin(), dims.end(), -1);
    if (free != dims.end())
        *free = static_cast<std::int64_t>(value.size()) / std::max<std::int64_t>(known, 1);
    return define_reshaped(matcher, node, value, std::move(dims));
}

Result<> match_flatten(Matcher& matcher, const Node& node) {
    TRY(const Value value, matcher.input(node, 0));
    const std::span<const std::int64_t> dims = value.dims;
    std::int64_t axis = node.integer("axis", 1);
    if (axis < 0) axis += static_cast<std::int64_t>(dims.size());
    if (axis < 0 || axis > static_cast<std::int64_t>(dims.size()))
        return Matcher::refuse(node, "there is no such axis");
    const auto split = static_cast<std::size_t>(axis);
    return define_reshaped(matcher, node, value,
                           {product_of(dims.first(split)), product_of(dims.subspan(split))});
}

Result<Dims> listed_axes(Matcher& matcher, const Node& node) {
    if (const Attribute* given = node.find("axes")) return given->integers;
    if (!matcher.has_input(node, 1)) return Dims{};
    return matcher.integers_input(node, 1);
}

Result<> match_squeeze(Matcher& matcher, const Node& node) {
    TRY(const Value value, matcher.input(node, 0));
    TRY(const Dims axes, listed_axes(matcher, node));
    std::vector<bool> gone(value.dims.size(), false);
    for (std::size_t i = 0; axes.empty() && i < gone.size(); ++i) gone[i] = value.dims[i] == 1;
    for (const std::int64_t axis : axes) {
        const auto found = axis_of(axis, gone.size());
        if (!found) return Matcher::refuse(node, "there is no such axis");
        gone[*found] = true;
    }
    Dims dims;
    for (std::size_t i = 0; i < gone.size(); ++i)
        if (!gone[i]) dims.push_back(value.dims[i]);
    return define_reshaped(matcher, node, value, std::move(dims));
}

Result<> match_unsqueeze(Matcher& matcher, const Node& node) {
    TRY(const Value value, matcher.input(node, 0));
    TRY(const Dims axes, listed_axes(matcher, node));
    const std::size_t rank = value.dims.size() + axes.size();
    std::vector<bool> added(rank, false);
    for (const std::int64_t axis : axes) {
        const auto found = axis_of(axis, rank);
        if (!found || added[*found]) return Matcher::refuse(node, "there is no such axis");
        added[*found] = true;
    }
    Dims dims;
    for (std::size_t i = 0, from = 0; i < rank; ++i)
        dims.push_back(added[i] ? 1 : value.dims[from++]);
    return define_reshaped(matcher, node, value, std::move(dims));
}

Result<> match_identity(Matcher& matcher, const Node& node) {
    TRY(Value value, matcher.input(node, 0));
    if (node.op == "Dropout" && (matcher.wants_output(node, 1) || matcher.has_input(node, 2)))
        return Matcher::refuse(node, "is in training");
    return matcher.define(node.outputs[0], std::move(value));
}

Result<> match_cast(Matcher& matcher, const Node& node) {
    TRY(Value value, matcher.input(node, 0));
    const auto to = static_cast<ElementType>(static_cast<int>(node.integer("to", 0)));
    const bool integer = to == ElementType::i64 || to == ElementType::i32;
    const bool from_integer = value.constant && value.constant->floats.empty();
    if (from_integer ? !integer : to != ElementType::f32)
        return Matcher::refuse(node, "to another type");
    return matcher.define(node.outputs[0], std::move(value));
}

Dims steps_of(std::span<const std::int64_t> dims) {
    Dims steps(dims.size(), 1);
    for (std::size_t i = dims.size(); i > 1; --i) steps[i - 2] = steps[i - 1] * dims[i - 1];
    return steps;
}

Result<> define_rearranged(Matcher& matcher, const Node& node, const Value& value, Dims dims,
                           const std::vector<std::uint32_t>& index) {
    if (index.empty()) return Matcher::refuse(node, "gives an empty tensor");
    TRY(Value result, matcher.rearranged(value, std::move(dims), index));
    return matcher.define(node.outputs[0], std::move(result));
}

Result<> match_transpose(Matcher& matcher, const Node& node) {
    TRY(Value value, matcher.input(node, 0));
    TRY(value, matcher.contiguous(value));
    const std::size_t rank = value.dims.size();
    Dims order(rank);
    std::iota(order.rbegin(), order.rend(), 0);
    if (const Attribute* given = node.find("perm")) order = given->integers;
    Dims sorted = order;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i)
        if (sorted.size() != rank || sorted[i] != static_cast<std::int64_t>(i))
            return Matcher::refuse(node, "perm is no order of the axes");
    const Dims steps = steps_of(value.dims);
    Dims dims, new_steps;
    for (const std::int64_t axis : order) {
        dims.push_back(value.dims[static_cast<std::size_t>(axis)]);
        new_steps.push_back(steps[static_cast<std::size_t>(axis)]);
    }
    return define_rearranged(matcher, node, value, dims, stepping_index(dims, new_steps));
}

struct Cut {
    std::int64_t start, end, step;
};

// As ONNX defines it: ends beyond the axis mean its end, negative ones count from there.
std::optional<std::pair<std::int64_t, std::int64_t>> first_and_count(Cut cut, std::int64_t size) {
    if (cut.step == 0 || cut.step == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    const std::int64_t low = cut.step > 0 ? 0 : -1, high = cut.step > 0 ? size : size - 1;
    if (cut.start < 0) cut.start = std::max(cut.start, -size - 1) + size;
    if (cut.end < 0) cut.end = std::max(cut.end, -size - 1) + size;
    const std::int64_t start = std::clamp(cut.start, std::int64_t{0}, high);
    const std::int64_t end = std::clamp(cut.end, low, high == size ? size : size - 1);
    const std::int64_t distance = cut.step > 0 ? end - start : start - end;
    const std::int64_t step = cut.step > 0 ? cut.step : -cut.step;
    if (distance <= 0) return std::nullopt;
    return std::pair{start, (distance - 1) / step + 1};
}

Result<> match_slice(Matcher& matcher, const Node& node) {
    TRY(Value value, matcher.input(node, 0));
    TRY(value, matcher.contiguous(value));
    Dims starts, ends, axes, steps;
    if (matcher.opset() < 10) {
        for (auto [list, name] : {std::pair{&starts, "starts"}, {&ends, "ends"}, {&axes, "axes"}})
            if (const Attribute* given = node.find(name)) *list = given->integers;
    } else {
        TRY(starts, matcher.integers_input(node, 1));
        TRY(ends, matcher.integers_input(node, 2));
        if (matcher.has_input(node, 3)) {
            TRY(axes, matcher.integers_input(node, 3));
        }
        if (matcher.has_input(node, 4)) {
            TRY(steps, matcher.integers_input(node, 4));
        }
    }
    if (axes.empty())
        for (std::size_t i = 0; i < starts.size(); ++i)
            axes.push_back(static_cast<std::int64_t>(i));
    if (steps.empty()) steps.assign(starts.size(), 1);
    if (ends.size() != starts.size() || axes.size() != starts.size() ||
        steps.size() != starts.size())
        return Matcher::refuse(node, "its lists have different sizes");
    Dims dims = value.dims, walk = steps_of(value.dims);
    std::int64_t first = 0;
    std::vector<bool> cut(dims.size(), false);
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const auto axis = axis_of(axes[i], dims.size());
        if (!axis || cut[*axis]) return Matcher::refuse(node, "there is no such axis");
        cut[*axis] = true;
        const auto part = first_and_count({starts[i], ends[i], steps[i]}, dims[*axis]);
        if (!part) return Matcher::refuse(node, "gives an empty tensor");
        first += part->first * walk[*axis];
        if (part->second > 1) walk[*axis] *= steps[i];
        dims[*axis] = part->second;
    }
    return define_rearranged(matcher, node, value, dims, stepping_index(dims, walk, first));
}

Result<> match_gather(Matcher& matcher, const Node& node) {
    TRY(Value value, matcher.input(node, 0));
    TRY(value, matcher.contiguous(value));
    TRY(const Value chosen, matcher.input(node, 1));
    TRY(const Dims indices, matcher.integers_input(node, 1));
    const auto axis = axis_of(node.integer("axis", 0), value.dims.size());
    if (!axis) return Matcher::refuse(node, "there is no such axis");
    const std::span<const std::int64_t> all = value.dims;
    const std::int64_t size = all[*axis], inner = product_of(all.subspan(*axis + 1));
    const std::int64_t outer = product_of(all.first(*axis));
    Dims dims(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(*axis));
    dims.insert(dims.end(), chosen.dims.begin(), chosen.dims.end());
    dims.insert(dims.end(), all.begin() + static_cast<std::ptrdiff_t>(*axis) + 1, all.end());
    if (const auto count = product_of(dims); count < 0 || count > (4 << 20))
        return Matcher::refuse(node, "gives too many elements");
    std::vector<std::uint32_t> index;
    for (std::int64_t o = 0; o < outer; ++o)
        for (const std::int64_t wanted : indices) {
            const std::int64_t at = wanted < 0 ? wanted + size : wanted;
            if (at < 0 || at >= size) return Matcher::refuse(node, "an index lies outside");
            for (std::int64_t i = 0; i < inner; ++i)
                index.push_back(static_cast<std::uint32_t>((o * size + at) * inner + i));
        }
    return define_rearranged(matcher, node, value, dims, index);
}

Result<> match_shape_of(Matcher& matcher, const Node& node) {
    TRY(const Value value, matcher.input(node, 0));
    if (node.find("start") || node.find("end")) return Matcher::refuse(node, "of some axes");
    Tensor shape;
    shape.type = ElementType::i64;
    shape.dims = {static_cast<std::int64_t>(value.dims.size())};
    shape.integers = value.dims;
    return matcher.define_constant(node.outputs[0], std::move(shape));
}

Result<> match_constant(Matcher& matcher, const Node& node) {
    if (const Attribute* given = node.find("value"); given && !given->tensor.empty())
        return matcher.define_constant(node.outputs[0], given->tensor[0]);
    Tensor tensor;
    if (const Attribute* given = node.find("value_float")) {
        tensor.type = ElementType::f32;
        tensor.floats = {given->f};
    } else if (const Attribute* whole = node.find("value_int")) {
        tensor.type = ElementType::i64;
        tensor.integers = {whole->i};
    } else if (const Attribute* list = node.find("value_floats")) {
        tensor.type = ElementType::f32;
        tensor.floats = list->floats;
        tensor.dims = {static_cast<std::int64_t>(list->floats.size())};
    } else if (const Attribute* wholes = node.find("value_ints")) {
        tensor.type = ElementType::i64;
        tensor.integers = wholes->integers;
        tensor.dims = {static_cast<std::int64_t>(wholes->integers.size())};
    } else {
        return Matcher::refuse(node, "of a kind that is not taken");
    }
    return matcher.define_constant(node.outputs[0], std::move(tensor));
}

Result<> match_constant_of_shape(Matcher& matcher, const Node& node) {
    TRY(const Dims dims, matcher.integers_input(node, 0));
    Tensor tensor;
    tensor.type = ElementType::f32;
    tensor.floats = {0};
    if (const Attribute* given = node.find("value"); given && !given->tensor.empty())
        tensor = given->tensor[0];
    const std::int64_t count = product_of(dims);
    if (tensor.size() != 1 || count < 0 || count > (4 << 20))
        return Matcher::refuse(node, "gives too many elements");
    tensor.dims = dims;
    if (tensor.floats.empty())
        tensor.integers.assign(static_cast<std::size_t>(count), tensor.integers[0]);
    else
        tensor.floats.assign(static_cast<std::size_t>(count), tensor.floats[0]);
    return matcher.define_constant(node.outputs[0], std::move(tensor));
}

Result<> match_expand(Matcher& matcher, const Node& node) {
    TRY(Value value, matcher.input(node, 0));
    TRY(value, matcher.contiguous(value));
    TRY(Dims dims, matcher.integers_input(node, 1));
    while (dims.size() < value.dims.size()) dims.insert(dims.begin(), 1);
    for (std::size_t i = 0; i < value.dims.size(); ++i) {
        const std::int64_t have = value.dims[value.dims.size() - 1 - i];
        std::int64_t& want = dims[dims.size() - 1 - i];
        if (want == 1) want = have;
        if (have != 1 && have != want) return Matcher::refuse(node, "the shapes don't fit");
    }
    if (const auto count = product_of(dims); count < 0 || count > (4 << 20))
        return Matcher::refuse(node, "gives too many elements");
    return define_rearranged(matcher, node, value, dims, widening_index(value.dims, dims));
}

Result<> concat_constants(Matcher& matcher, const Node& node, const std::vector<Value>& parts) {
    Tensor whole;
    whole.type = ElementType::i64;
    for (const Value& part : parts) {
        if (!part.constant || !part.constant->floats.empty() || part.dims.size() != 1)
            return Matcher::refuse(node, "of constants that are no lists of integers");
        whole.integers.insert(whole.integers.end(), part.constant->integers.begin(),
                              part.constant->integers.end());
    }
    whole.dims = {static_cast<std::int64_t>(whole.integers.size())};
    return matcher.define_constant(node.outputs[0], std::move(whole));
}

Result<> match_concat(Matcher& matcher, const Node& node) {
    std::vector<Value> parts;
    bool running = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        TRY(Value part, matcher.input(node, i));
        running |= !part.constant;
        TRY(part, matcher.contiguous(part));
        parts.push_back(std::move(part));
    }
    if (!running) return concat_constants(matcher, node, parts);
    const auto axis = axis_of(node.integer("axis", 0), parts[0].dims.size());
    if (!axis) return Matcher::refuse(node, "there is no such axis");
    Dims dims = parts[0].dims;
    dims[*axis] = 0;
    for (const Value& part : parts) {
        if (part.constant || part.dims.size() != dims.size())
            return Matcher::refuse(node, "of tensors and constants");
        for (std::size_t i = 0; i < dims.size(); ++i)
            if (i != *axis && part.dims[i] != dims[i])
                return Matcher::refuse(node, "the shapes don't fit");
        dims[*axis] += part.dims[*axis];
    }
    const std::span<const std::int64_t> all = dims;
    TRY(float* const out, matcher.room(dims));
    const auto width = static_cast<std::uint32_t>(product_of(all.subspan(*axis)));
    const auto rows = static_cast<std::uint32_t>(product_of(all.first(*axis)));
    std::uint32_t at = 0;
    for (const Value& part : parts) {
        const auto own = static_cast<std::uint32_t>(part.size()) / rows;
        matcher.add(Rows{part.data, out + at, rows, own, own, width});
        at += own;
    }
    return matcher.define(node.outputs[0], Value{dims, nullptr, out});
}

constexpr Operator shape_table[] = {
    {"", "Reshape", match_reshape},
    {"", "Flatten", match_flatten},
    {"", "Squeeze", match_squeeze},
    {"", "Unsqueeze", match_unsqueeze},
    {"", "Identity", match_identity},
    {"", "Dropout", match_identity},
    {"", "Cast", match_cast},
    {"", "Transpose", match_transpose},
    {"", "Slice", match_slice},
    {"", "Gather", match_gather},
    {"", "Shape", match_shape_of},
    {"", "Constant", match_constant},
    {"", "ConstantOfShape", match_constant_of_shape},
    {"", "Expand", match_expand},
    {"", "Concat", match_concat},
};

}  // namespace

std::vector<std::uint32_t> stepping_index(std::span<const std::int64_t> dims,
                                          std::span<const std::int64_t> steps, std::int64_t first) {
    std::vector<std::uint32_t> index;
    Dims at(dims.size(), 0);
    const std::int64_t count = product_of(dims);
    std::int64_t position = first;
    for (std::int64_t i = 0; i < count; ++i) {
        index.push_back(static_cast<std::uint32_t>(position));
        for (std::size_t axis = dims.size(); axis > 0; --axis) {
            position += steps[axis - 1];
            if (++at[axis - 1] < dims[axis - 1]) break;
            position -= steps[axis - 1] * dims[axis - 1];
            at[axis - 1] = 0;
        }
    }
    return index;
}

std::vector<std::uint32_t> widening_index(std::span<const std::int64_t> from,
                                          std::span<const std::int64_t> to) {
    const Dims own = steps_of(from);
    Dims steps(to.size(), 0);
    for (std::size_t i = 0; i < from.size(); ++i)
        if (from[i] != 1) steps[to.size() - from.size() + i] = own[i];
    return stepping_index(to, steps);
}

std::span<const Operator> shape_operators() { return shape_table; }

}  // namespace mw::native
