// Compiled with -mavx512f/bw/dq/vl; called only where the processor has them.
#include "insight/native/kernel_body.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

namespace mw::native {
namespace {

struct Avx512 {
    static constexpr std::uint32_t lanes = 16;
    static constexpr std::uint32_t conv_positions = 12;  // 24 sums of 32 registers
    using V [[gnu::vector_size(64)]] = float;
    using N [[gnu::vector_size(64)]] = int;
    MW_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
    MW_INLINE V sqrt(V v) { return _mm512_sqrt_ps(v); }

    // All 63 comparisons of a tree at once; then its path is six bits of the result.
    MW_INLINE std::uint64_t compare(const HeapTree& tree, __m512 low, __m512 high) {
        std::uint64_t right = 0;
        MW_UNROLL
        for (int part = 0; part < 4; ++part) {
            const __m512i feature = _mm512_cvtepu8_epi32(
                _mm_load_si128(reinterpret_cast<const __m128i*>(tree.features + 16 * part)));
            const __m512 value = _mm512_permutex2var_ps(low, feature, high);
            const __mmask16 bits =
                _mm512_cmp_ps_mask(value, _mm512_load_ps(tree.thresholds + 16 * part), _CMP_GE_OQ);
            right |= static_cast<std::uint64_t>(bits) << (16 * part);
        }
        return right;
    }
    static void heap_trees(const Trees& t) {
        const std::uint32_t rest = t.features > 16 ? t.features - 16 : 0;
        const auto mask = [](std::uint32_t count) {
            return static_cast<__mmask16>(count >= 16 ? 0xffff : (1u << count) - 1);
        };
        const __m512 low = _mm512_maskz_loadu_ps(mask(t.features), t.in);
        const __m512 high = _mm512_maskz_loadu_ps(mask(rest), t.in + (rest ? 16 : 0));
        float sum = 0;
        std::uint32_t first = 0;
        constexpr std::uint32_t together = 4;
        for (; first + together <= t.trees; first += together) {
            std::uint64_t right[together], at[together];
            MW_UNROLL
            for (std::uint32_t k = 0; k < together; ++k)
                right[k] = compare(t.heap[first + k], low, high), at[k] = 0;
            MW_UNROLL
            for (int depth = 0; depth < 6; ++depth) {
                MW_UNROLL
                for (std::uint32_t k = 0; k < together; ++k)
                    at[k] = 2 * at[k] + 1 + ((right[k] >> at[k]) & 1);
            }
            MW_UNROLL
            for (std::uint32_t k = 0; k < together; ++k)
                sum += t.heap[first + k].values[at[k] - 63];
        }
        for (; first < t.trees; ++first) {
            const std::uint64_t right = compare(t.heap[first], low, high);
            std::uint64_t at = 0;
            for (int depth = 0; depth < 6; ++depth) at = 2 * at + 1 + ((right >> at) & 1);
            sum += t.heap[first].values[at - 63];
        }
        *t.sum = sum;
    }
};

constexpr Kernels avx512_table = Body<Avx512>::table("avx512", true, true);

}  // namespace

const Kernels* avx512_kernels() { return &avx512_table; }

}  // namespace mw::native
#else
namespace mw::native {
const Kernels* avx512_kernels() { return nullptr; }
}  // namespace mw::native
#endif
