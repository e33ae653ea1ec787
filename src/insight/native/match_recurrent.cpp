// GRU and LSTM with their usual activations, one sequence at a time, both directions.
#include "insight/native/matcher.h"

namespace mw::native {
namespace {

struct Cell {
    bool lstm = false;
    std::uint32_t gates = 0, steps = 0, inputs = 0, hidden = 0, directions = 0;
    const Tensor *w = nullptr, *r = nullptr, *b = nullptr;
};

Result<> check_attributes(const Node& node, bool lstm) {
    const Attribute* activations = node.find("activations");
    static constexpr std::string_view usual[] = {"Sigmoid", "Tanh", "Tanh"};
    for (std::size_t i = 0; activations && i < activations->strings.size(); ++i)
        if (activations->strings[i] != usual[i % (lstm ? 3 : 2)])
            return Matcher::refuse(node, "its activations are not the usual ones");
    if (node.find("clip")) return Matcher::refuse(node, "clips");
    if (node.integer("layout", 0) != 0) return Matcher::refuse(node, "layout is not 0");
    if (node.integer("input_forget", 0) != 0) return Matcher::refuse(node, "input_forget is set");
    return {};
}

Result<Cell> cell_of(Matcher& matcher, const Node& node, const Value& in) {
    Cell cell;
    cell.lstm = node.op == "LSTM";
    cell.gates = cell.lstm ? 4 : 3;
    TRY(cell.w, matcher.floats_input(node, 1));
    TRY(cell.r, matcher.floats_input(node, 2));
    if (matcher.has_input(node, 3)) {
        TRY(cell.b, matcher.floats_input(node, 3));
    }
    if (matcher.has_input(node, 4)) return Matcher::refuse(node, "sequences have lengths");
    if (matcher.has_input(node, 7)) return Matcher::refuse(node, "has peepholes");
    if (in.dims.size() != 3 || in.dims[1] != 1)
        return Matcher::refuse(node, "takes more than one sequence");
    const std::int64_t directions = node.text("direction", "forward") == "bidirectional" ? 2 : 1;
    const std::vector<std::int64_t>&w = cell.w->dims, &r = cell.r->dims;
    const std::int64_t hidden = r.size() == 3 ? r[2] : 0;
    if (w.size() != 3 || r.size() != 3 || w[0] != directions || r[0] != directions || hidden < 1 ||
        hidden > 65535 || w[1] != cell.gates * hidden || r[1] != cell.gates * hidden ||
        w[2] != in.dims[2] || node.integer("hidden_size", hidden) != hidden)
        return Matcher::refuse(node, "the shapes of X, W and R don't fit");
    if (cell.b && product_of(cell.b->dims) != directions * 2 * cell.gates * hidden)
        return Matcher::refuse(node, "B has another size");
    cell.steps = static_cast<std::uint32_t>(in.dims[0]);
    cell.inputs = static_cast<std::uint32_t>(in.dims[2]);
    cell.hidden = static_cast<std::uint32_t>(hidden);
    cell.directions = static_cast<std::uint32_t>(directions);
    return cell;
}

std::uint32_t padded_to(std::uint32_t count, std::uint32_t lanes) {
    return (count + lanes - 1) / lanes * lanes;
}

// Gates first..last of one direction's matrix, each padded to whole vectors.
Result<float*> pack_gates(Matcher& matcher, const Cell& cell, const Tensor& matrix,
                          std::uint32_t direction, std::uint32_t first, std::uint32_t gates) {
    const std::uint32_t padded = padded_to(cell.hidden, matcher.kernels().lanes);
    const auto columns = static_cast<std::uint32_t>(matrix.dims[2]);
    const float* from =
        matrix.floats.data() + std::size_t{direction} * cell.gates * cell.hidden * columns;
    return pack_blocks(matcher, gates * padded, columns, gate_block,
                       [&](std::uint32_t o, std::uint32_t i) {
                           const std::uint32_t gate = first + o / padded, unit = o % padded;
                           if (unit >= cell.hidden) return 0.0F;
                           return from[(std::size_t{gate} * cell.hidden + unit) * columns + i];
                       });
}

Result<> pack_biases(Matcher& matcher, const Cell& cell, std::uint32_t direction, Recurrent& step) {
    const std::uint32_t padded = step.hidden_padded;
    TRY(float* const input, pack_row(matcher, cell.gates * padded, nullptr));
    TRY(float* const hidden, pack_row(matcher, cell.gates * padded, nullptr));
    step.input_bias = input, step.hidden_bias = hidden;
    if (!cell.b) return {};
    const std::size_t half = std::size_t{cell.gates} * cell.hidden;
    const float* w = cell.b->floats.data() + direction * 2 * half;
    for (std::uint32_t gate = 0; gate < cell.gates; ++gate)
        for (std::uint32_t unit = 0; unit < cell.hidden; ++unit) {
            const float own = w[gate * cell.hidden + unit];
            const float recurrent = w[half + gate * cell.hidden + unit];
            // A GRU that is linear before its reset multiplies the candidate's recurrent bias.
            const bool apart = step.linear_before_reset && gate == 2;
            input[gate * padded + unit] = apart ? own : own + recurrent;
            hidden[gate * padded + unit] = apart ? recurrent : 0;
        }
    return {};
}

Result<const float*> first_state(Matcher& matcher, const Node& node, std::size_t index,
                                 const Cell& cell, std::uint32_t direction) {
    if (!matcher.has_input(node, index)) return static_cast<const float*>(nullptr);
    TRY(Value value, matcher.input(node, index));
    if (value.size() != std::size_t{cell.directions} * cell.hidden)
        return Matcher::refuse(node, "a first state has another size");
    if (value.constant) {
        TRY(const Tensor* tensor, matcher.floats_input(node, index));
        TRY(value.data, constant_room(matcher, *tensor));
    } else {
        TRY(value, matcher.contiguous(value));
    }
    return static_cast<const float*>(value.data + std::size_t{direction} * cell.hidden);
}

Result<Recurrent> direction_of(Matcher& matcher, const Node& node, const Cell& cell,
                               std::uint32_t direction) {
    const std::uint32_t padded = padded_to(cell.hidden, matcher.kernels().lanes);
    Recurrent step{};
    step.steps = cell.steps, step.inputs = cell.inputs, step.hidden = cell.hidden;
    step.hidden_padded = padded;
    step.lstm = cell.lstm;
    step.backwards = direction == 1 || node.text("direction", "forward") == "reverse";
    step.linear_before_reset = !cell.lstm && node.integer("linear_before_reset", 0) != 0;
    const bool whole = cell.lstm || step.linear_before_reset;
    TRY(step.input_weights, pack_gates(matcher, cell, *cell.w, direction, 0, cell.gates));
    TRY(step.hidden_weights,
        pack_gates(matcher, cell, *cell.r, direction, 0, whole ? cell.gates : 2));
    if (!whole) {
        TRY(step.candidate_weights, pack_gates(matcher, cell, *cell.r, direction, 2, 1));
    }
    TRY_VOID(pack_biases(matcher, cell, direction, step));
    TRY(step.first_hidden, first_state(matcher, node, 5, cell, direction));
    if (cell.lstm) {
        TRY(step.first_cell, first_state(matcher, node, 6, cell, direction));
    }
    TRY(step.projected, matcher.room({2, cell.gates * padded}));
    TRY(step.gates, matcher.room({cell.gates * padded}));
    TRY(step.state, matcher.room({padded}));
    TRY(step.cell, matcher.room({padded}));
    return step;
}

Result<> match_cell(Matcher& matcher, const Node& node) {
    TRY(const Value in, matcher.running_input(node, 0));
    TRY_VOID(check_attributes(node, node.op == "LSTM"));
    TRY(const Cell cell, cell_of(matcher, node, in));
    const std::vector<std::int64_t> last_dims{cell.directions, 1, cell.hidden};
    const std::vector<std::int64_t> dims{cell.steps, cell.directions, 1, cell.hidden};
    float *out = nullptr, *last[2] = {};
    if (matcher.wants_output(node, 0)) {
        TRY(out, matcher.room(dims));
        TRY_VOID(matcher.define(node.outputs[0], Value{dims, nullptr, out}));
    }
    for (std::size_t i = 0; i < 2; ++i)
        if (matcher.wants_output(node, i + 1)) {
            TRY(last[i], matcher.room(last_dims));
            TRY_VOID(matcher.define(node.outputs[i + 1], Value{last_dims, nullptr, last[i]}));
        }
    if (last[1] && !cell.lstm) return Matcher::refuse(node, "has two outputs");
    for (std::uint32_t direction = 0; direction < cell.directions; ++direction) {
        TRY(Recurrent step, direction_of(matcher, node, cell, direction));
        const std::size_t shift = std::size_t{direction} * cell.hidden;
        step.in = in.data;
        step.out = out ? out + shift : nullptr;
        step.out_step = cell.directions * cell.hidden;
        step.last = last[0] ? last[0] + shift : nullptr;
        step.last_cell = last[1] ? last[1] + shift : nullptr;
        matcher.add(step);
    }
    matcher.plan().exact = false;
    return {};
}

constexpr Operator recurrent_table[] = {{"", "GRU", match_cell}, {"", "LSTM", match_cell}};

}  // namespace

std::span<const Operator> recurrent_operators() { return recurrent_table; }

}  // namespace mw::native
