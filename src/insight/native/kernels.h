#pragma once
// What is computed, as plain structs, and the table of functions that compute it: one table for
// each instruction set. Files of kernels are compiled with flags that not every processor obeys,
// so nothing of the standard library may be used in them: the linker keeps one copy of an inline
// function, and it might be theirs. Vectors are stored whole: an output has room for one more.

#include <cstdint>

namespace mw::native {

enum class Curve : std::uint8_t {
    none,
    relu,
    leaky_relu,    // alpha below zero
    elu,           // alpha * (exp(x) - 1) below zero
    clip,          // alpha to beta
    hard_sigmoid,  // alpha * x + beta, within 0 and 1
    sigmoid,
    tanh,
    exp,
    sqrt,
    abs,
    neg,
    softplus,
};

struct Activation {
    Curve curve = Curve::none;
    float alpha = 0;
    float beta = 0;
};

// out[r] = curve(weights * in[r] + bias). Weights: blocks of up to dense_block vectors of outputs;
// in a block, input after input.
struct Dense {
    const float* in;
    float* out;
    const float* weights;
    const float* bias;
    std::uint32_t rows, inputs, outputs;
    Activation activation;
};
constexpr std::uint32_t dense_block = 4;

struct Softmax {
    const float* in;
    float* out;
    std::uint32_t rows, width;
};

enum class Pair : std::uint8_t { none, add, subtract, multiply, divide, most, least, power };

// out[i] = curve(a[i] op b[i]); with Pair::none curve(a[i]). b repeats when b_step is 0.
struct Pointwise {
    const float* a;
    const float* b;
    float* out;
    std::uint32_t count;
    std::uint8_t b_step;
    Pair pair;
    Activation activation;
};

// out[i] = in[index[i]].
struct Pick {
    const float* in;
    float* out;
    const std::uint32_t* index;
    std::uint32_t count;
};

// Rows of numbers to another place, where each has room around it.
struct Rows {
    const float* in;
    float* out;
    std::uint32_t rows, width, in_step, out_step;
};

enum class Fold : std::uint8_t { sum, mean, most };

// in is [outer][folded][inner].
struct Reduce {
    const float* in;
    float* out;
    std::uint32_t outer, folded, inner;
    Fold fold;
};

// The `count` smallest or largest, in order.
struct Extremes {
    const float* in;
    float* out;
    std::uint32_t width, count;
    bool largest;
};

// Three levels of a tree in the order of a heap: one cache line, and one comparison where vectors
// have eight floats. Right when x[feature] >= threshold, else left; the eight ends lie side by side
// from `first` on. What is no number is no threshold to reach: such a node leads left. A leaf leads
// to itself, so walks of any length stay.
struct alignas(64) TreeBlock {
    float thresholds[8];  // seven
    std::uint16_t features[8];
    std::uint16_t first;
    std::uint8_t nan_right;  // a bit for each node
};
constexpr std::uint32_t tree_levels = 3;
constexpr std::uint32_t trees_together = 8;
constexpr std::uint32_t vector_features = 32;  // that vectors hold

// Which end seven comparisons lead to.
struct TreeEnds {
    std::uint8_t of[128];
};
constexpr TreeEnds make_tree_ends() {
    TreeEnds ends{};
    for (unsigned right = 0; right < 128; ++right) {
        unsigned at = 0;
        for (unsigned level = 0; level < tree_levels; ++level) at = 2 * at + 1 + (right >> at & 1);
        ends.of[right] = static_cast<std::uint8_t>(at - 7);
    }
    return ends;
}

struct Trees {
    const float* in;
    float* sum;  // of the leaves' values, tree after tree; with one value a leaf
    std::uint32_t features, trees;
    const TreeBlock* blocks;
    // Of each tree, and of trees of one leaf up to a multiple of trees_together.
    const std::uint32_t* first_block;
    const std::uint32_t* first_value;
    const std::uint16_t* steps;  // of each trees_together
    const float* values;
    std::uint32_t* leaves;  // of each tree, instead of the sum; or null
};

// One dimension, channels in vectors: out[position][channel]. `in` points to where the first window
// begins; weights are blocks of conv_block vectors of outputs, in a block [input][tap].
struct Conv {
    const float* in;
    float* out;
    const float* weights;
    const float* bias;
    std::uint32_t inputs, outputs, taps, positions;
    std::uint32_t in_channel_step, in_position_step, tap_step, window_step, out_position_step;
    Activation activation;
};
constexpr std::uint32_t conv_block = 2;

// The same for stride 1 and channels that lie together, two positions at once: taps in groups of
// three and then of two, which take four and three products a pair. Weights are blocks as Conv's,
// in a block [input][product].
struct PairedConv {
    const float* in;
    float* out;
    const float* weights;
    const float* bias;
    float* made;  // [pairs][products][in_position_step]
    std::uint32_t inputs, outputs, threes, twos, positions;
    std::uint32_t in_position_step, out_position_step;
    Activation activation;
};

// Windows over positions; those that lie outside of the input don't count.
struct Pool {
    const float* in;
    float* out;
    std::uint32_t channels, in_positions, positions;
    std::uint32_t taps, stride, dilation, pad;
    std::uint32_t in_position_step, out_position_step;
    bool mean;
    bool pads_count;        // in the mean's divisor
    std::uint32_t pad_end;  // what pads_count may count behind the end
};

constexpr std::uint32_t gate_block = 6;

// Gates are padded to whole vectors, hidden_padded each; in ONNX's order: z, r, h or i, o, f, c.
struct Recurrent {
    const float* in;  // [steps][inputs]
    std::uint32_t steps, inputs, hidden, hidden_padded;
    bool lstm, backwards, linear_before_reset;
    const float* input_weights;      // packed as Dense's, in gate_blocks
    const float* input_bias;         // with the recurrent bias added where that is the same
    const float* hidden_weights;     // all gates; without linear_before_reset z and r
    const float* candidate_weights;  // GRU's h without linear_before_reset
    const float* hidden_bias;        // of GRU's h with linear_before_reset, else zeros
    const float* first_hidden;       // or null: zeros
    const float* first_cell;
    float* projected;  // [2][gates * hidden_padded], of this step and the next
    float* gates;      // [gates * hidden_padded]
    float* state;      // [hidden_padded]
    float* cell;       // [hidden_padded], LSTM; the reset state of a GRU
    float* out;        // every step's state, out_step apart; or null
    float* last;       // or null
    float* last_cell;  // or null
    std::uint32_t out_step;
};

struct Kernels {
    const char* name;
    std::uint32_t lanes;  // floats of a vector: how weights are packed
    bool fast_conv;       // at least as fast as ONNX Runtime's
    void (*dense)(const Dense&);
    void (*softmax)(const Softmax&);
    void (*pointwise)(const Pointwise&);
    void (*conv)(const Conv&);
    void (*pool)(const Pool&);
    void (*recurrent)(const Recurrent&);
    void (*trees)(const Trees&);
    void (*paired_conv)(const PairedConv&);  // null where it would not be faster
};

// Null where this program was not built with them.
const Kernels* portable_kernels();
const Kernels* avx2_kernels();
const Kernels* avx512_kernels();
const Kernels* neon_kernels();

}  // namespace mw::native
