// Compiled with -mavx512f/bw/dq/vl; called only where the processor has them.
#include "insight/native/kernel_pairs.h"

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

    // In a register: GCC would read it again for every use, and loads are what there is least of.
    MW_INLINE void keep(V& v) { asm("" : "+v"(v)); }

    MW_INLINE bool any(N mask) { return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0; }

    // The features of a row in registers, from which a block's are picked.
    MW_INLINE __m256i features_of(const TreeBlock& block) {
        return _mm256_cvtepu16_epi32(
            _mm_load_si128(reinterpret_cast<const __m128i*>(block.features)));
    }
    MW_INLINE std::uint32_t compare(__m256 value, const TreeBlock& block) {
        return _mm256_cmp_ps_mask(value, _mm256_load_ps(block.thresholds), _CMP_GE_OQ);
    }
    struct FewRow {
        static constexpr bool in_vectors = true;
        explicit FewRow(const float* x) : low(_mm256_loadu_ps(x)), high(_mm256_loadu_ps(x + 8)) {}
        [[gnu::always_inline]] std::uint32_t right(const TreeBlock& block) const {
            return compare(_mm256_permutex2var_ps(low, features_of(block), high), block);
        }
        __m256 low, high;
    };
    struct Row {
        static constexpr bool in_vectors = true;
        static constexpr std::uint32_t few = 16;
        explicit Row(const float* x) : low(_mm512_loadu_ps(x)), high(_mm512_loadu_ps(x + 16)) {}
        [[gnu::always_inline]] std::uint32_t right(const TreeBlock& block) const {
            const __m512i feature = _mm512_castsi256_si512(features_of(block));
            const __m512 value = _mm512_permutex2var_ps(low, feature, high);
            return compare(_mm512_castps512_ps256(value), block);
        }
        __m512 low, high;
    };
};

constexpr Kernels avx512_table = Pairs<Avx512>::with(Body<Avx512>::table("avx512", true));

}  // namespace

const Kernels* avx512_kernels() { return &avx512_table; }

}  // namespace mw::native
#else
namespace mw::native {
const Kernels* avx512_kernels() { return nullptr; }
}  // namespace mw::native
#endif
