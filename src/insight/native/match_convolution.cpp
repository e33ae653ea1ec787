// Conv and pooling over one dimension, and BatchNormalization. What they give lies position by
// position with its channels together, and zeros around it for the convolution that follows.
#include <algorithm>
#include <cmath>

#include "insight/native/matcher.h"

namespace mw::native {
namespace {

// How a window of one dimension moves.
struct Window {
    std::int64_t taps = 1, stride = 1, dilation = 1, before = 0, after = 0;
    std::int64_t positions = 0;
};

Result<std::int64_t> single(const Node& node, std::string_view name, std::int64_t otherwise,
                            std::int64_t least) {
    const Attribute* found = node.find(name);
    if (!found) return otherwise;
    if (found->integers.size() != 1)
        return Matcher::refuse(node, std::string(name) + " is not of one dimension");
    if (found->integers[0] < least || found->integers[0] > 65535)
        return Matcher::refuse(node, std::string(name) + " is out of bounds");
    return found->integers[0];
}

Result<Window> window_of(const Node& node, std::int64_t taps, std::int64_t size) {
    Window window;
    window.taps = taps;
    TRY(window.stride, single(node, "strides", 1, 1));
    TRY(window.dilation, single(node, "dilations", 1, 1));
    if (const Attribute* pads = node.find("pads")) {
        if (pads->integers.size() != 2) return Matcher::refuse(node, "pads of another dimension");
        window.before = pads->integers[0], window.after = pads->integers[1];
        for (const std::int64_t pad : pads->integers)
            if (pad < 0 || pad > 65535) return Matcher::refuse(node, "pads are out of bounds");
    }
    const std::string_view automatic = node.text("auto_pad", "NOTSET");
    const std::int64_t reach = (taps - 1) * window.dilation + 1;
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
        const std::int64_t wanted = (size + window.stride - 1) / window.stride;
        const std::int64_t pad =
            std::max<std::int64_t>(0, (wanted - 1) * window.stride + reach - size);
        window.before = automatic == "SAME_UPPER" ? pad / 2 : pad - pad / 2;
        window.after = pad - window.before;
    } else if (automatic != "NOTSET" && automatic != "VALID") {
        return Matcher::refuse(node, "auto_pad is not known");
    }
    const std::int64_t room = size + window.before + window.after - reach;
    if (taps < 1 || taps > 65535 || room < 0)
        return Matcher::refuse(node, "its window is too wide");
    const bool ceil = node.integer("ceil_mode", 0) != 0;
    window.positions = (room + (ceil ? window.stride - 1 : 0)) / window.stride + 1;
    // A window must begin inside of the input or of what stands before it.
    if (ceil && (window.positions - 1) * window.stride >= size + window.before) --window.positions;
    return window;
}

Result<Value> sequence_input(Matcher& matcher, const Node& node) {
    TRY(const Value in, matcher.input(node, 0));
    if (in.constant) return Matcher::refuse(node, "works on a constant");
    if (in.dims.size() != 3 || in.dims[0] != 1)
        return Matcher::refuse(node, "is not over one dimension");
    return in;
}

// Room for [1, channels, positions], channels together, with zeros before and after.
Result<Value> columns(Matcher& matcher, std::int64_t channels, std::int64_t positions) {
    const std::uint32_t lanes = matcher.kernels().lanes, halo = matcher.halo();
    const std::int64_t step = (channels + lanes - 1) / lanes * lanes;
    TRY(float* const data, matcher.room({positions + 2 * std::int64_t{halo}, step}));
    Value value{{1, channels, positions},
                nullptr,
                data + std::size_t{halo} * static_cast<std::size_t>(step)};
    value.position_step = static_cast<std::uint32_t>(step);
    value.halo = halo;
    return value;
}

// The same numbers with zeros around them, where there are not enough.
Result<Value> with_halo(Matcher& matcher, const Value& in, const Window& window) {
    const std::int64_t channels = in.dims[1], size = in.dims[2];
    const std::int64_t before = window.before;
    const std::int64_t reach =
        (window.positions - 1) * window.stride + (window.taps - 1) * window.dilation + 1;
    const std::int64_t after = std::max<std::int64_t>(0, reach - before - size);
    if (std::max(before, after) <= in.halo) return in;
    if (before == 0 && after == 0) return in;
    const auto width = static_cast<std::uint32_t>(before + size + after);
    Value padded = in;
    if (in.position_step == 0) {
        TRY(float* const room, matcher.room({channels, width}));
        matcher.add(Rows{in.data, room + before, static_cast<std::uint32_t>(channels),
                         static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(size),
                         width});
        padded.data = room + before;
        padded.dims[2] = width;  // how far apart the channels are; the caller knows the true size
        return padded;
    }
    TRY(float* const room, matcher.room({width, in.position_step}));
    padded.data = room + before * in.position_step;
    const auto all = static_cast<std::uint32_t>(size * in.position_step);
    matcher.add(Rows{in.data, padded.data, 1, all, all, all});
    return padded;
}

// Taps in groups of three and two, as PairedConv wants them.
struct Groups {
    std::uint32_t threes, twos;
};
Groups groups_of(std::uint32_t taps) {
    const std::uint32_t twos = (3 - taps % 3) % 3;
    return {(taps - 2 * twos) / 3, twos};
}

// The factor of product `number` among those of a window's taps.
float product_weight(const float* taps, Groups groups, std::uint32_t number) {
    if (number < 4 * groups.threes) {
        const float* w = taps + number / 4 * 3;
        const double even = double{w[0]} + w[2];
        const double all[] = {w[0], (even + w[1]) / 2, (even - w[1]) / 2, w[2]};
        return static_cast<float>(all[number % 4]);
    }
    number -= 4 * groups.threes;
    const float* w = taps + 3 * groups.threes + number / 3 * 2;
    const double all[] = {w[0], double{w[0]} + w[1], w[1]};
    return static_cast<float>(all[number % 3]);
}

bool pairs_well(const Matcher& matcher, const Conv& conv, const Window& window) {
    return matcher.kernels().paired_conv && conv.in_channel_step == 1 && window.stride == 1 &&
           window.dilation == 1 && conv.taps >= 2 && conv.positions >= 2;
}

Result<> add_paired(Matcher& matcher, const Conv& conv, const Tensor& weights) {
    const Groups groups = groups_of(conv.taps);
    const std::uint32_t products = 4 * groups.threes + 3 * groups.twos;
    PairedConv paired{conv.in,
                      conv.out,
                      nullptr,
                      conv.bias,
                      nullptr,
                      conv.inputs,
                      conv.outputs,
                      groups.threes,
                      groups.twos,
                      conv.positions,
                      conv.in_position_step,
                      conv.out_position_step,
                      conv.activation};
    TRY(paired.weights,
        pack_blocks(matcher, conv.outputs, conv.inputs * products, conv_block,
                    [&](std::uint32_t o, std::uint32_t i) {
                        const std::size_t row = std::size_t{o} * conv.inputs + i / products;
                        return product_weight(weights.floats.data() + row * conv.taps, groups,
                                              i % products);
                    }));
    TRY(paired.made,
        matcher.room({(std::int64_t{conv.positions} + 1) / 2, products, conv.in_position_step}));
    matcher.add(paired);
    return {};
}

Result<> match_conv(Matcher& matcher, const Node& node) {
    TRY(const Value in, sequence_input(matcher, node));
    TRY(const Tensor* weights, matcher.floats_input(node, 1));
    if (node.integer("group", 1) != 1) return Matcher::refuse(node, "group is not 1");
    if (weights->dims.size() != 3 || weights->dims[1] != in.dims[1] ||
        product_of(weights->dims) <= 0)
        return Matcher::refuse(node, "the shapes of X and W don't fit");
    TRY(const Window window, window_of(node, weights->dims[2], in.dims[2]));
    TRY(const Value padded, with_halo(matcher, in, window));
    Conv conv{};
    conv.inputs = static_cast<std::uint32_t>(in.dims[1]);
    conv.outputs = static_cast<std::uint32_t>(weights->dims[0]);
    conv.taps = static_cast<std::uint32_t>(window.taps);
    conv.positions = static_cast<std::uint32_t>(window.positions);
    conv.in_channel_step = padded.position_step ? 1 : static_cast<std::uint32_t>(padded.dims[2]);
    conv.in_position_step = padded.position_step ? padded.position_step : 1;
    conv.tap_step = conv.in_position_step * static_cast<std::uint32_t>(window.dilation);
    conv.window_step = conv.in_position_step * static_cast<std::uint32_t>(window.stride);
    conv.in = padded.data - window.before * conv.in_position_step;
    const float* bias = nullptr;
    if (matcher.has_input(node, 2)) {
        TRY(const Tensor* given, matcher.floats_input(node, 2));
        if (given->floats.size() != conv.outputs)
            return Matcher::refuse(node, "B has another size");
        bias = given->floats.data();
    }
    TRY(conv.bias, pack_row(matcher, conv.outputs, bias));
    std::string_view name = node.outputs[0];
    conv.activation = matcher.take_activation(name);
    TRY(const Value out, columns(matcher, conv.outputs, window.positions));
    conv.out = out.data;
    conv.out_position_step = out.position_step;
    if (pairs_well(matcher, conv, window)) {
        TRY_VOID(add_paired(matcher, conv, *weights));
    } else {
        TRY(conv.weights,
            pack_blocks(matcher, conv.outputs, conv.inputs * conv.taps, conv_block,
                        [&](std::uint32_t o, std::uint32_t i) {
                            return weights->floats[std::size_t{o} * conv.inputs * conv.taps + i];
                        }));
        matcher.add(conv);
    }
    matcher.plan().exact = false;
    matcher.plan().convolves = true;
    return matcher.define(name, out);
}

Result<Value> as_columns(Matcher& matcher, const Value& in) {
    if (in.position_step) return in;
    const std::int64_t lanes = matcher.kernels().lanes, channels = in.dims[1], size = in.dims[2];
    const std::int64_t step = (channels + lanes - 1) / lanes * lanes;
    std::vector<std::uint32_t> index;
    for (std::int64_t position = 0; position < size; ++position)
        for (std::int64_t channel = 0; channel < step; ++channel)
            index.push_back(
                static_cast<std::uint32_t>(std::min(channel, channels - 1) * size + position));
    TRY(Value value, matcher.rearranged(in, {size, step}, index));
    value.dims = in.dims;
    value.position_step = static_cast<std::uint32_t>(step);
    return value;
}

Result<> add_pool(Matcher& matcher, const Node& node, const Window& window, bool mean,
                  bool pads_count) {
    TRY(const Value given, sequence_input(matcher, node));
    TRY(const Value in, as_columns(matcher, given));
    TRY(const Value out, columns(matcher, in.dims[1], window.positions));
    const auto narrow = [](std::int64_t number) { return static_cast<std::uint32_t>(number); };
    Pool pool{};
    pool.in = in.data, pool.out = out.data;
    pool.channels = narrow(in.dims[1]), pool.in_positions = narrow(in.dims[2]);
    pool.positions = narrow(window.positions);
    pool.taps = narrow(window.taps), pool.stride = narrow(window.stride);
    pool.dilation = narrow(window.dilation), pool.pad = narrow(window.before);
    pool.pad_end = narrow(window.after);
    pool.in_position_step = in.position_step, pool.out_position_step = out.position_step;
    pool.mean = mean, pool.pads_count = pads_count;
    matcher.add(pool);
    matcher.plan().exact &= !mean;
    return matcher.define(node.outputs[0], out);
}

Result<> match_pool(Matcher& matcher, const Node& node) {
    TRY(const Value in, sequence_input(matcher, node));
    const bool mean = node.op == "AveragePool";
    if (matcher.wants_output(node, 1)) return Matcher::refuse(node, "its indices are used");
    TRY(const std::int64_t taps, single(node, "kernel_shape", 0, 1));
    TRY(const Window window, window_of(node, taps, in.dims[2]));
    const bool pads_count = node.integer("count_include_pad", 0) != 0;
    if (mean && node.integer("ceil_mode", 0) != 0)
        return Matcher::refuse(node, "a mean with ceil_mode");
    if (std::max(window.before, window.after) >= taps * window.dilation)
        return Matcher::refuse(node, "a window may lie outside of the input");
    return add_pool(matcher, node, window, mean, pads_count);
}

Result<> match_global_pool(Matcher& matcher, const Node& node) {
    TRY(const Value in, sequence_input(matcher, node));
    Window window;
    window.taps = in.dims[2];
    window.positions = 1;
    return add_pool(matcher, node, window, node.op == "GlobalAveragePool", false);
}

// x * scale + shift for each channel, as training has measured them.
Result<> match_normalization(Matcher& matcher, const Node& node) {
    TRY(const Value in, matcher.running_input(node, 0));
    if (in.dims.size() < 2) return Matcher::refuse(node, "has no channels");
    const auto channels = static_cast<std::size_t>(in.dims[1]);
    const float* parts[4] = {};
    for (std::size_t i = 0; i < 4; ++i) {
        TRY(const Tensor* part, matcher.floats_input(node, i + 1));
        if (part->floats.size() != channels)
            return Matcher::refuse(node, "a constant is not of one number a channel");
        parts[i] = part->floats.data();
    }
    if (node.integer("training_mode", 0) != 0 || in.dims[0] != 1)
        return Matcher::refuse(node, "is in training");
    const std::size_t each = in.size() / channels;
    TRY(float* const scale, matcher.room(in.dims));
    TRY(float* const shift, matcher.room(in.dims));
    for (std::size_t i = 0; i < in.size(); ++i) {
        const std::size_t c = i / each;
        scale[i] = parts[0][c] / std::sqrt(parts[3][c] + node.number("epsilon", 1e-5F));
        shift[i] = parts[1][c] - parts[2][c] * scale[i];
    }
    TRY(float* const product, matcher.room(in.dims));
    TRY(float* const out, matcher.room(in.dims));
    const auto count = static_cast<std::uint32_t>(in.size());
    std::string_view name = node.outputs[0];
    matcher.add(Pointwise{in.data, scale, product, count, 1, Pair::multiply, {}});
    matcher.add(Pointwise{product, shift, out, count, 1, Pair::add, matcher.take_activation(name)});
    matcher.plan().exact = false;
    return matcher.define(name, Value{in.dims, nullptr, out});
}

constexpr Operator convolution_table[] = {
    {"", "Conv", match_conv},
    {"", "MaxPool", match_pool},
    {"", "AveragePool", match_pool},
    {"", "GlobalAveragePool", match_global_pool},
    {"", "GlobalMaxPool", match_global_pool},
    {"", "BatchNormalization", match_normalization},
};

}  // namespace

std::span<const Operator> convolution_operators() { return convolution_table; }

}  // namespace mw::native
