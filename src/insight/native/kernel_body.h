#pragma once
// The kernels, written once over an instruction set: Isa has `lanes`, a vector type V of the
// compiler, an integer vector N, and the functions below that compilers don't know as operators.
// Isa lives in an unnamed namespace, so every instance belongs to its file. See kernels.h for what
// may not be used here.

#include "insight/native/kernels.h"

#define MW_UNROLL _Pragma("GCC unroll 16")
#define MW_INLINE [[gnu::always_inline]] static inline

namespace mw::native {

template <class Isa>
struct Body {
    using V = typename Isa::V;
    using N = typename Isa::N;
    static constexpr std::uint32_t lanes = Isa::lanes;

    MW_INLINE V load(const float* at) {
        V v;
        __builtin_memcpy(&v, at, sizeof v);
        return v;
    }
    MW_INLINE void store(float* at, V v) { __builtin_memcpy(at, &v, sizeof v); }
    MW_INLINE V all(float x) { return x - V{}; }
    MW_INLINE N bits(V v) { return reinterpret_cast<N>(v); }
    MW_INLINE V from_bits(N n) { return reinterpret_cast<V>(n); }
    // Not a number stays what it is, as in the first operand's comparison.
    MW_INLINE V least(V a, V b) { return a > b ? b : a; }
    MW_INLINE V most(V a, V b) { return a < b ? b : a; }
    MW_INLINE V magnitude(V v) { return from_bits(bits(v) & 0x7fffffff); }
    MW_INLINE V with_sign(V v, V sign) {
        return from_bits((bits(v) & 0x7fffffff) | (bits(sign) & static_cast<int>(0x80000000u)));
    }

    // x = n ln 2 + r with ln 2 in two parts, and e^r - 1 by a polynomial.
    struct Reduced {
        V rest;   // e^r - 1
        N whole;  // n
    };
    MW_INLINE Reduced reduced(V x) {
        const V shift = all(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer
        const V shifted = Isa::fma(x, all(1.44269504F), shift);
        const V n = shifted - shift;
        V r = Isa::fma(n, all(-0.693359375F), x);
        r = Isa::fma(n, all(2.12194440e-4F), r);
        // (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, by the polynomial that is 3e-9 of e^r off at
        // most (Remez). In pairs: a recurrent step waits for this.
        const V square = r * r;
        const V low = Isa::fma(all(0.16666518893F), r, all(0.49999993330F));
        const V high = Isa::fma(all(0.0083689273F), r, all(0.0416684085F));
        const V p = Isa::fma(Isa::fma(all(0.0013814163F), square, high), square, low);
        return {Isa::fma(p, square, r), bits(shifted) - bits(shift)};
    }
    MW_INLINE V power_of_2(N n) { return from_bits((n + 127) << 23); }

    // Below 2 units in the last place. Beyond the range of a float it ends at infinity and zero.
    MW_INLINE V exp(V x) {
        const V low = all(-87.33654F), high = all(88.72283F);
        const Reduced e = reduced(most(least(x, high), low));
        // 2^n in two factors, since 2^128 is no float.
        const N half = e.whole >> 1;
        const V y = (e.rest + 1.0F) * power_of_2(half) * power_of_2(e.whole - half);
        const V up = x > high ? all(__builtin_inff()) : y;
        return x < low ? V{} : up;
    }
    // For x <= 0, where most of the care above is not needed.
    MW_INLINE V exp_below_0(V x) {
        const Reduced e = reduced(most(x, all(-87.0F)));
        const V scale = power_of_2(e.whole);
        return Isa::fma(scale, e.rest, scale);
    }
    // e^x - 1 for x <= 0: nothing cancels near zero, where n is 0.
    MW_INLINE V expm1_below_0(V x) {
        const Reduced e = reduced(most(x, all(-87.0F)));
        const V scale = power_of_2(e.whole);
        return Isa::fma(scale, e.rest, scale - 1.0F);
    }
    // 1 / (1 + e^-x). Where e^-x is no float any more, the result is far below what a sum would
    // notice.
    MW_INLINE V sigmoid(V x) {
        const Reduced e = reduced(most(least(-x, all(88.0F)), all(-87.0F)));
        const V scale = power_of_2(e.whole);
        return 1.0F / Isa::fma(scale, e.rest, scale + 1.0F);
    }
    MW_INLINE V tanh(V x) {
        const V e = expm1_below_0(-2.0F * magnitude(x));
        return with_sign(e / (2.0F + e), x);
    }
    MW_INLINE V softplus(V x) {
        V y = x;
        for (std::uint32_t i = 0; i < lanes; ++i)
            y[i] = (x[i] > 0 ? x[i] : 0) + __builtin_log1pf(__builtin_expf(-__builtin_fabsf(x[i])));
        return y;
    }

    MW_INLINE V curve(const Activation& how, V x) {
        switch (how.curve) {
            case Curve::none:
                return x;
            case Curve::relu:
                return x < V{} ? V{} : x;
            case Curve::leaky_relu:
                return x < V{} ? x * how.alpha : x;
            case Curve::elu:
                return x < V{} ? expm1_below_0(x) * how.alpha : x;
            case Curve::clip:
                return least(most(x, all(how.alpha)), all(how.beta));
            case Curve::hard_sigmoid:
                return least(most(x * how.alpha + how.beta, V{}), all(1.0F));
            case Curve::sigmoid:
                return sigmoid(x);
            case Curve::tanh:
                return tanh(x);
            case Curve::exp:
                return exp(x);
            case Curve::sqrt:
                return Isa::sqrt(x);
            case Curve::abs:
                return magnitude(x);
            case Curve::neg:
                return -x;
            case Curve::softplus:
                return softplus(x);
        }
        return x;
    }

    // B vectors of outputs at once, in C chains of additions, so that none waits for another.
    template <std::uint32_t B, std::uint32_t C>
    MW_INLINE void block(const float* weights, const float* x, std::uint32_t inputs, V (&sum)[B]) {
        V part[C][B];
        MW_UNROLL
        for (std::uint32_t c = 0; c < C; ++c) {
            MW_UNROLL
            for (std::uint32_t b = 0; b < B; ++b) part[c][b] = c == 0 ? sum[b] : V{};
        }
        std::uint32_t i = 0;
        for (; i + C <= inputs; i += C) {
            MW_UNROLL
            for (std::uint32_t c = 0; c < C; ++c) {
                const V value = all(x[i + c]);
                MW_UNROLL
                for (std::uint32_t b = 0; b < B; ++b)
                    part[c][b] = Isa::fma(load(weights + (c * B + b) * lanes), value, part[c][b]);
            }
            weights += C * B * lanes;
        }
        for (; i < inputs; ++i) {
            const V value = all(x[i]);
            MW_UNROLL
            for (std::uint32_t b = 0; b < B; ++b)
                part[0][b] = Isa::fma(load(weights + b * lanes), value, part[0][b]);
            weights += B * lanes;
        }
        MW_UNROLL
        for (std::uint32_t step = C / 2; step > 0; step /= 2) {
            MW_UNROLL
            for (std::uint32_t c = 0; c < step; ++c) {
                MW_UNROLL
                for (std::uint32_t b = 0; b < B; ++b) part[c][b] += part[c + step][b];
            }
        }
        MW_UNROLL
        for (std::uint32_t b = 0; b < B; ++b) sum[b] = part[0][b];
    }

    template <std::uint32_t B, std::uint32_t C>
    MW_INLINE void block_row(const float* weights, const float* bias, const float* x,
                             std::uint32_t inputs, const Activation& how, float* out) {
        V sum[B];
        MW_UNROLL
        for (std::uint32_t b = 0; b < B; ++b) sum[b] = load(bias + b * lanes);
        block<B, C>(weights, x, inputs, sum);
        MW_UNROLL
        for (std::uint32_t b = 0; b < B; ++b) store(out + b * lanes, curve(how, sum[b]));
    }

    // out = curve(weights * x + bias) for `vectors` vectors, packed in blocks of `Block`.
    template <std::uint32_t Block>
    MW_INLINE void row(const float* weights, const float* bias, const float* x,
                       std::uint32_t inputs, std::uint32_t vectors, const Activation& how,
                       float* out) {
        for (; vectors >= Block; vectors -= Block) {
            block_row<Block, 2>(weights, bias, x, inputs, how, out);
            weights += std::uint64_t{inputs} * Block * lanes;
            bias += Block * lanes, out += Block * lanes;
        }
        if (Block > 5 && vectors == 5) block_row<5, 2>(weights, bias, x, inputs, how, out);
        if (Block > 4 && vectors == 4) block_row<4, 2>(weights, bias, x, inputs, how, out);
        if (vectors == 3) block_row<3, 2>(weights, bias, x, inputs, how, out);
        if (vectors == 2) block_row<2, 4>(weights, bias, x, inputs, how, out);
        if (vectors == 1) block_row<1, 8>(weights, bias, x, inputs, how, out);
    }
    // For gates, which have no curve of their own.
    MW_INLINE void gates(const float* weights, const float* bias, const float* x,
                         std::uint32_t inputs, std::uint32_t vectors, float* out) {
        row<gate_block>(weights, bias, x, inputs, vectors, Activation{}, out);
    }

    static std::uint32_t vectors_of(std::uint32_t count) { return (count + lanes - 1) / lanes; }

    static void dense(const Dense& d) {
        const std::uint32_t vectors = vectors_of(d.outputs);
        for (std::uint32_t r = 0; r < d.rows; ++r)
            row<dense_block>(d.weights, d.bias, d.in + std::uint64_t{r} * d.inputs, d.inputs,
                             vectors, d.activation, d.out + std::uint64_t{r} * d.outputs);
    }

    MW_INLINE N lane_numbers() {
        N n;
        for (std::uint32_t i = 0; i < lanes; ++i) n[i] = static_cast<int>(i);
        return n;
    }

    static void softmax(const Softmax& s) {
        const std::uint32_t vectors = vectors_of(s.width);
        const int last = static_cast<int>(s.width - (vectors - 1) * lanes);
        const N inside = lane_numbers() < last;
        const V never = all(-__builtin_inff());
        for (std::uint32_t r = 0; r < s.rows; ++r) {
            const float* in = s.in + std::uint64_t{r} * s.width;
            float* out = s.out + std::uint64_t{r} * s.width;
            V top = never;
            for (std::uint32_t v = 0; v < vectors; ++v) {
                const V x = load(in + v * lanes);
                top = most(top, v + 1 < vectors ? x : (inside ? x : never));
            }
            float largest = top[0];
            for (std::uint32_t i = 1; i < lanes; ++i) largest = top[i] > largest ? top[i] : largest;
            V sums{};
            for (std::uint32_t v = 0; v < vectors; ++v) {
                V x = load(in + v * lanes);
                if (v + 1 == vectors) x = inside ? x : never;
                const V e = exp_below_0(x - largest);
                sums += v + 1 < vectors ? e : (inside ? e : V{});
                store(out + v * lanes, e);
            }
            float sum = 0;
            for (std::uint32_t i = 0; i < lanes; ++i) sum += sums[i];
            for (std::uint32_t v = 0; v < vectors; ++v)
                store(out + v * lanes, load(out + v * lanes) / sum);
        }
    }

    MW_INLINE V combine(Pair pair, V a, V b) {
        switch (pair) {
            case Pair::none:
                return a;
            case Pair::add:
                return a + b;
            case Pair::subtract:
                return a - b;
            case Pair::multiply:
                return a * b;
            case Pair::divide:
                return a / b;
            case Pair::most:
                return b != b ? b : most(a, b);
            case Pair::least:
                return b != b ? b : least(a, b);
            case Pair::power: {
                V y = a;
                for (std::uint32_t i = 0; i < lanes; ++i) y[i] = __builtin_powf(a[i], b[i]);
                return y;
            }
        }
        return a;
    }

    static void pointwise(const Pointwise& p) {
        if (p.count == 1 && p.pair == Pair::power) {  // one call, not one for each lane
            const V y = all(__builtin_powf(p.a[0], p.b[0]));
            p.out[0] = curve(p.activation, y)[0];
            return;
        }
        for (std::uint32_t i = 0; i < p.count; i += lanes) {
            V x = load(p.a + i);
            if (p.pair != Pair::none)
                x = combine(p.pair, x, p.b_step ? load(p.b + i) : all(p.b[0]));
            store(p.out + i, curve(p.activation, x));
        }
    }

    // P positions of one block: every weight that is loaded serves P windows.
    template <std::uint32_t B, std::uint32_t P>
    MW_INLINE void windows(const Conv& c, const float* weights, const float* bias, const float* in,
                           float* out) {
        V sum[P][B];
        MW_UNROLL
        for (std::uint32_t p = 0; p < P; ++p) {
            MW_UNROLL
            for (std::uint32_t b = 0; b < B; ++b) sum[p][b] = load(bias + b * lanes);
        }
        for (std::uint32_t channel = 0; channel < c.inputs; ++channel) {
            const float* x = in + std::uint64_t{channel} * c.in_channel_step;
            for (std::uint32_t tap = 0; tap < c.taps; ++tap, x += c.tap_step) {
                V w[B];
                MW_UNROLL
                for (std::uint32_t b = 0; b < B; ++b) w[b] = load(weights + b * lanes);
                weights += B * lanes;
                MW_UNROLL
                for (std::uint32_t p = 0; p < P; ++p) {
                    const V value = all(x[p * c.window_step]);
                    MW_UNROLL
                    for (std::uint32_t b = 0; b < B; ++b)
                        sum[p][b] = Isa::fma(w[b], value, sum[p][b]);
                }
            }
        }
        MW_UNROLL
        for (std::uint32_t p = 0; p < P; ++p) {
            MW_UNROLL
            for (std::uint32_t b = 0; b < B; ++b)
                store(out + p * c.out_position_step + b * lanes, curve(c.activation, sum[p][b]));
        }
    }

    template <std::uint32_t B, std::uint32_t P>
    static void conv_blocks(const Conv& c, const float* weights, const float* bias, float* out) {
        std::uint32_t at = 0;
        const auto here = [&](auto count) {
            windows<B, decltype(count)::value>(c, weights, bias,
                                               c.in + std::uint64_t{at} * c.window_step,
                                               out + std::uint64_t{at} * c.out_position_step);
            at += decltype(count)::value;
        };
        while (at + P <= c.positions) here(Count<P>{});
        if (P > 8 && at + 8 <= c.positions) here(Count<8>{});
        if (at + 4 <= c.positions) here(Count<4>{});
        if (at + 2 <= c.positions) here(Count<2>{});
        while (at < c.positions) here(Count<1>{});
    }
    template <std::uint32_t C>
    struct Count {
        static constexpr std::uint32_t value = C;
    };

    static void conv(const Conv& c) {
        const std::uint32_t vectors = vectors_of(c.outputs);
        const float* weights = c.weights;
        std::uint32_t v = 0;
        for (; v + 2 <= vectors; v += 2) {
            conv_blocks<2, Isa::conv_positions>(c, weights, c.bias + v * lanes, c.out + v * lanes);
            weights += std::uint64_t{c.inputs} * c.taps * 2 * lanes;
        }
        if (v < vectors)
            conv_blocks<1, Isa::conv_positions>(c, weights, c.bias + v * lanes, c.out + v * lanes);
    }

    // A window that no padding touches: most are.
    MW_INLINE V pool_inside(const Pool& p, const float* from) {
        const std::uint64_t step = std::uint64_t{p.dilation} * p.in_position_step;
        V sum = p.mean ? V{} + load(from) : load(from);
        for (std::uint32_t tap = 1; tap < p.taps; ++tap) {
            const V x = load(from + tap * step);
            sum = p.mean ? sum + x : (x != x ? x : most(sum, x));
        }
        return p.mean ? sum / static_cast<float>(p.taps) : sum;
    }

    static void pool(const Pool& p) {
        const std::uint32_t vectors = vectors_of(p.channels);
        for (std::uint32_t at = 0; at < p.positions; ++at) {
            const auto first = static_cast<std::int64_t>(at) * p.stride - p.pad;
            const auto last = first + (std::int64_t{p.taps} - 1) * p.dilation;
            if (first >= 0 && last < p.in_positions) {
                for (std::uint32_t v = 0; v < vectors; ++v)
                    store(p.out + std::uint64_t{at} * p.out_position_step + v * lanes,
                          pool_inside(p, p.in + first * p.in_position_step + v * lanes));
                continue;
            }
            for (std::uint32_t v = 0; v < vectors; ++v) {
                V sum = p.mean ? V{} : all(-__builtin_inff());
                std::uint32_t counted = 0;
                for (std::uint32_t tap = 0; tap < p.taps; ++tap) {
                    const std::int64_t from = first + static_cast<std::int64_t>(tap) * p.dilation;
                    const bool padding = from < 0 || from >= p.in_positions;
                    if (padding && from < p.in_positions + std::int64_t{p.pad_end})
                        counted += p.pads_count;
                    if (padding) continue;
                    ++counted;
                    const V x = load(p.in + from * p.in_position_step + v * lanes);
                    sum = p.mean ? sum + x : (x != x ? x : most(sum, x));
                }
                if (p.mean) sum = sum / static_cast<float>(counted);
                store(p.out + std::uint64_t{at} * p.out_position_step + v * lanes, sum);
            }
        }
    }

    MW_INLINE void copy(float* to, const float* from, std::uint32_t count) {
        __builtin_memcpy(to, from, count * sizeof(float));
    }

    MW_INLINE void gru_finish(const Recurrent& r, const float* x) {
        const std::uint32_t hp = r.hidden_padded;
        if (r.linear_before_reset) {
            for (std::uint32_t i = 0; i < hp; i += lanes) {
                const V reset = sigmoid(load(x + hp + i) + load(r.gates + hp + i));
                const V update = sigmoid(load(x + i) + load(r.gates + i));
                const V candidate =
                    tanh(Isa::fma(reset, load(r.gates + 2 * hp + i), load(x + 2 * hp + i)));
                const V before = load(r.state + i);
                store(r.state + i, Isa::fma(update, before - candidate, candidate));
            }
            return;
        }
        for (std::uint32_t i = 0; i < hp; i += lanes)
            store(r.cell + i,
                  sigmoid(load(x + hp + i) + load(r.gates + hp + i)) * load(r.state + i));
        gates(r.candidate_weights, r.hidden_bias, r.cell, r.hidden, hp / lanes, r.gates + 2 * hp);
        for (std::uint32_t i = 0; i < hp; i += lanes) {
            const V update = sigmoid(load(x + i) + load(r.gates + i));
            const V candidate = tanh(load(x + 2 * hp + i) + load(r.gates + 2 * hp + i));
            const V before = load(r.state + i);
            store(r.state + i, Isa::fma(update, before - candidate, candidate));
        }
    }

    MW_INLINE void lstm_finish(const Recurrent& r) {
        const std::uint32_t hp = r.hidden_padded;
        for (std::uint32_t i = 0; i < hp; i += lanes) {
            const V in = sigmoid(load(r.gates + i)), out = sigmoid(load(r.gates + hp + i));
            const V forget = sigmoid(load(r.gates + 2 * hp + i));
            const V candidate = tanh(load(r.gates + 3 * hp + i));
            const V cell = Isa::fma(forget, load(r.cell + i), in * candidate);
            store(r.cell + i, cell);
            store(r.state + i, out * tanh(cell));
        }
    }

    // What a step takes from its input, which needs no earlier step: two of them are kept.
    MW_INLINE const float* project(const Recurrent& r, std::uint32_t step) {
        const std::uint32_t t = r.backwards ? r.steps - 1 - step : step;
        const std::uint32_t width = (r.lstm ? 4 : 3) * r.hidden_padded;
        float* out = r.projected + (step % 2) * width;
        gates(r.input_weights, r.input_bias, r.in + std::uint64_t{t} * r.inputs, r.inputs,
              width / lanes, out);
        return out;
    }

    static void recurrent(const Recurrent& r) {
        const std::uint32_t hp = r.hidden_padded;
        for (std::uint32_t i = 0; i < hp; ++i) {
            const bool inside = i < r.hidden;
            r.state[i] = r.first_hidden && inside ? r.first_hidden[i] : 0;
            r.cell[i] = r.first_cell && inside ? r.first_cell[i] : 0;
        }
        const std::uint32_t vectors = (r.lstm ? 4 : r.linear_before_reset ? 3 : 2) * (hp / lanes);
        const float* x = project(r, 0);
        for (std::uint32_t step = 0; step < r.steps; ++step) {
            gates(r.hidden_weights, r.lstm ? x : r.hidden_bias, r.state, r.hidden, vectors,
                  r.gates);
            // Here, since curves leave the multipliers idle.
            const float* next = step + 1 < r.steps ? project(r, step + 1) : x;
            r.lstm ? lstm_finish(r) : gru_finish(r, x);
            const std::uint32_t t = r.backwards ? r.steps - 1 - step : step;
            if (r.out) copy(r.out + std::uint64_t{t} * r.out_step, r.state, r.hidden);
            x = next;
        }
        if (r.last) copy(r.last, r.state, r.hidden);
        if (r.last_cell) copy(r.last_cell, r.cell, r.hidden);
    }

    // May see one behind the row too, and then walks the slower way for nothing.
    MW_INLINE bool has_nan(const float* x, std::uint32_t count) {
        N none{};
        for (std::uint32_t i = 0; i < count; i += lanes) {
            const V v = load(x + i);
            none |= v != v;
        }
        return Isa::any(none);
    }

    template <bool Nan>
    MW_INLINE std::uint32_t step(const TreeBlock& block, const float* x) {
        std::uint32_t at = 0;
        MW_UNROLL
        for (std::uint32_t level = 0; level < tree_levels; ++level) {
            const float value = x[block.features[at]];
            std::uint32_t right = value >= block.thresholds[at];
            if (Nan && value != value) right = (block.nan_right >> at) & 1;
            at = 2 * at + 1 + right;
        }
        return block.first + at - 7;
    }

    // Walks trees_together trees side by side: each waits for memory while the others compare.
    template <bool Nan, class Row>
    MW_INLINE void walk(const Trees& t, const Row& row, std::uint32_t first,
                        std::uint32_t (&leaf)[trees_together]) {
        const TreeBlock* tree[trees_together];
        std::uint32_t at[trees_together];
        MW_UNROLL
        for (std::uint32_t k = 0; k < trees_together; ++k)
            tree[k] = t.blocks + t.first_block[first + k], at[k] = 0;
        for (std::uint32_t steps = t.steps[first / trees_together]; steps > 0; --steps) {
            MW_UNROLL
            for (std::uint32_t k = 0; k < trees_together; ++k) {
                const TreeBlock& block = tree[k][at[k]];
                if constexpr (Row::in_vectors)
                    at[k] = block.first + tree_ends.of[row.right(block) & 127];
                else
                    at[k] = step<Nan>(block, t.in);
            }
        }
        MW_UNROLL
        for (std::uint32_t k = 0; k < trees_together; ++k)
            leaf[k] = t.first_value[first + k] + at[k];
    }
    static constexpr TreeEnds tree_ends = make_tree_ends();
    struct RowInMemory {
        static constexpr bool in_vectors = false;
    };

    template <bool Nan, class Row>
    MW_INLINE void walk_all(const Trees& t, const Row& row) {
        float sum = 0;
        for (std::uint32_t first = 0; first < t.trees; first += trees_together) {
            std::uint32_t leaf[trees_together];
            walk<Nan>(t, row, first, leaf);
            const std::uint32_t here =
                t.trees - first < trees_together ? t.trees - first : trees_together;
            if (t.leaves) {
                for (std::uint32_t k = 0; k < here; ++k) t.leaves[first + k] = leaf[k];
            } else if (here == trees_together) {
                MW_UNROLL
                for (std::uint32_t k = 0; k < trees_together; ++k) sum += t.values[leaf[k]];
            } else {
                for (std::uint32_t k = 0; k < here; ++k) sum += t.values[leaf[k]];
            }
        }
        if (!t.leaves) *t.sum = sum;
    }

    static void trees(const Trees& t) {
        if (has_nan(t.in, t.features)) return walk_all<true>(t, RowInMemory{});
        if constexpr (Isa::Row::in_vectors) {
            if (t.features <= Isa::Row::few) return walk_all<false>(t, typename Isa::FewRow(t.in));
            if (t.features <= vector_features) return walk_all<false>(t, typename Isa::Row(t.in));
        }
        walk_all<false>(t, RowInMemory{});
    }

    static constexpr Kernels table(const char* name, bool fast_conv) {
        return {name, lanes, fast_conv, dense, softmax, pointwise,
                conv, pool,  recurrent, trees, nullptr};
    }
};

}  // namespace mw::native
