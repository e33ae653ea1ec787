#pragma once
// Convolutions of stride 1 that compute two neighbouring outputs together, with fewer
// multiplications: three taps take four of them instead of six, two taps take three instead of
// four (Winograd's minimal filters F(2,3) and F(2,2), over the points 0, 1, -1 and infinity). What
// they add instead runs beside the multipliers. See kernels.h for what may not be used here.

#include "insight/native/kernel_body.h"

namespace mw::native {

template <class Isa>
struct Pairs {
    using Words = Body<Isa>;
    using V = typename Isa::V;
    static constexpr std::uint32_t lanes = Isa::lanes;

    // Where a product goes: the two outputs are both + left + mixed and both - mixed - right.
    enum Sum : std::uint32_t { both, mixed, left, right };

    static std::uint32_t products_of(const PairedConv& c) { return 4 * c.threes + 3 * c.twos; }

    // The products' inputs, for all channels of a pair of positions: sums and differences.
    MW_INLINE void make(const PairedConv& c) {
        const std::uint32_t step = c.in_position_step;
        const std::uint32_t reach = c.positions - 1 + 3 * c.threes + 2 * c.twos;
        float* out = c.made;
        for (std::uint32_t first = 0; first < c.positions; first += 2) {
            // An odd last pair has a second output that nobody wants: nothing is read for it.
            const auto row = [&](std::uint32_t at) {
                at += first;
                return c.in + std::uint64_t{at < reach ? at : reach - 1} * step;
            };
            std::uint32_t at = 0;
            for (std::uint32_t group = 0; group < c.threes; ++group, at += 3, out += 4 * step) {
                const float *a = row(at), *b = row(at + 1), *d = row(at + 2), *e = row(at + 3);
                for (std::uint32_t i = 0; i < step; i += lanes) {
                    const V x1 = Words::load(b + i), x2 = Words::load(d + i);
                    Words::store(out + i, Words::load(a + i) - x2);
                    Words::store(out + step + i, x1 + x2);
                    Words::store(out + 2 * step + i, x2 - x1);
                    Words::store(out + 3 * step + i, x1 - Words::load(e + i));
                }
            }
            for (std::uint32_t group = 0; group < c.twos; ++group, at += 2, out += 3 * step) {
                const float *a = row(at), *b = row(at + 1), *d = row(at + 2);
                for (std::uint32_t i = 0; i < step; i += lanes) {
                    const V x1 = Words::load(b + i);
                    Words::store(out + i, Words::load(a + i) - x1);
                    Words::store(out + step + i, x1);
                    Words::store(out + 2 * step + i, x1 - Words::load(d + i));
                }
            }
        }
    }

    template <std::uint32_t To, std::uint32_t B, std::uint32_t T>
    MW_INLINE void product(const float*& weights, const float*& x, std::uint32_t pair_step,
                           std::uint32_t step, V (&sum)[T][4][B]) {
        V w[B];
        MW_UNROLL
        for (std::uint32_t b = 0; b < B; ++b) {
            w[b] = Words::load(weights + b * lanes);
            Isa::keep(w[b]);
        }
        MW_UNROLL
        for (std::uint32_t t = 0; t < T; ++t) {
            const V value = Words::all(x[t * pair_step]);
            MW_UNROLL
            for (std::uint32_t b = 0; b < B; ++b)
                sum[t][To][b] = Isa::fma(w[b], value, sum[t][To][b]);
        }
        weights += B * lanes, x += step;
    }

    // T pairs of positions of one block: every weight that is loaded serves all of them.
    template <std::uint32_t B, std::uint32_t T>
    MW_INLINE void tile(const PairedConv& c, const float* weights, const float* bias, float* out,
                        std::uint32_t pair) {
        const std::uint32_t step = c.in_position_step, pair_step = products_of(c) * step;
        V sum[T][4][B];
        MW_UNROLL
        for (std::uint32_t t = 0; t < T; ++t) {
            MW_UNROLL
            for (std::uint32_t b = 0; b < B; ++b) {
                sum[t][both][b] = Words::load(bias + b * lanes);
                sum[t][mixed][b] = sum[t][left][b] = sum[t][right][b] = V{};
            }
        }
        for (std::uint32_t channel = 0; channel < c.inputs; ++channel) {
            const float* x = c.made + std::uint64_t{pair} * pair_step + channel;
            for (std::uint32_t group = 0; group < c.threes; ++group) {
                product<left>(weights, x, pair_step, step, sum);
                product<both>(weights, x, pair_step, step, sum);
                product<mixed>(weights, x, pair_step, step, sum);
                product<right>(weights, x, pair_step, step, sum);
            }
            for (std::uint32_t group = 0; group < c.twos; ++group) {
                product<left>(weights, x, pair_step, step, sum);
                product<both>(weights, x, pair_step, step, sum);
                product<right>(weights, x, pair_step, step, sum);
            }
        }
        MW_UNROLL
        for (std::uint32_t t = 0; t < T; ++t) {
            const std::uint32_t position = 2 * (pair + t);
            MW_UNROLL
            for (std::uint32_t b = 0; b < B; ++b) {
                const V(&s)[4][B] = sum[t];
                float* const to = out + std::uint64_t{position} * c.out_position_step + b * lanes;
                Words::store(to, Words::curve(c.activation, s[both][b] + s[mixed][b] + s[left][b]));
                if (position + 1 < c.positions)
                    Words::store(
                        to + c.out_position_step,
                        Words::curve(c.activation, s[both][b] - s[mixed][b] - s[right][b]));
            }
        }
    }

    template <std::uint32_t B, std::uint32_t T>
    static void block(const PairedConv& c, const float* weights, const float* bias, float* out) {
        const std::uint32_t pairs = (c.positions + 1) / 2;
        std::uint32_t pair = 0;
        for (; pair + T <= pairs; pair += T) tile<B, T>(c, weights, bias, out, pair);
        for (; T > 3 && pair + 3 <= pairs; pair += 3) tile<B, 3>(c, weights, bias, out, pair);
        for (; pair + 2 <= pairs; pair += 2) tile<B, 2>(c, weights, bias, out, pair);
        for (; pair < pairs; ++pair) tile<B, 1>(c, weights, bias, out, pair);
    }

    static void run(const PairedConv& c) {
        make(c);
        const std::uint32_t vectors = (c.outputs + lanes - 1) / lanes;
        const float* weights = c.weights;
        std::uint32_t v = 0;
        for (; v + 2 <= vectors; v += 2) {
            block<2, 3>(c, weights, c.bias + v * lanes, c.out + v * lanes);
            weights += std::uint64_t{c.inputs} * products_of(c) * 2 * lanes;
        }
        if (v < vectors) block<1, 6>(c, weights, c.bias + v * lanes, c.out + v * lanes);
    }

    // These kernels beside the others.
    static constexpr Kernels with(Kernels kernels) {
        kernels.paired_conv = run;
        return kernels;
    }
};

}  // namespace mw::native
