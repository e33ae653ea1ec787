// Compiled with -mavx2 -mfma; called only where the processor has both.
#include "insight/native/kernel_body.h"

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

namespace mw::native {
namespace {

struct Avx2 {
    static constexpr std::uint32_t lanes = 8;
    static constexpr std::uint32_t conv_positions = 6;  // 12 sums, 2 weights, 1 value: 16 registers
    using V [[gnu::vector_size(32)]] = float;
    using N [[gnu::vector_size(32)]] = int;
    MW_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
    MW_INLINE V sqrt(V v) { return _mm256_sqrt_ps(v); }
    MW_INLINE bool any(N mask) { return !_mm256_testz_si256((__m256i)mask, (__m256i)mask); }

    // The features of a row in registers, from which a block's are picked.
    template <int Parts>
    struct RowOf {
        static constexpr bool in_vectors = true;
        static constexpr std::uint32_t few = 16;
        explicit RowOf(const float* x) {
            MW_UNROLL
            for (int i = 0; i < Parts; ++i) part[i] = _mm256_loadu_ps(x + 8 * i);
        }
        [[gnu::always_inline]] std::uint32_t right(const TreeBlock& block) const {
            const __m256i feature = _mm256_cvtepu16_epi32(
                _mm_load_si128(reinterpret_cast<const __m128i*>(block.features)));
            // The lower three bits choose within a register, the fourth and fifth the register.
            const __m256 fourth = _mm256_castsi256_ps(_mm256_slli_epi32(feature, 28));
            __m256 value = _mm256_blendv_ps(_mm256_permutevar8x32_ps(part[0], feature),
                                            _mm256_permutevar8x32_ps(part[1], feature), fourth);
            if constexpr (Parts > 2) {
                const __m256 upper =
                    _mm256_blendv_ps(_mm256_permutevar8x32_ps(part[2], feature),
                                     _mm256_permutevar8x32_ps(part[Parts - 1], feature), fourth);
                const __m256 fifth = _mm256_castsi256_ps(_mm256_slli_epi32(feature, 27));
                value = _mm256_blendv_ps(value, upper, fifth);
            }
            return static_cast<std::uint32_t>(_mm256_movemask_ps(
                _mm256_cmp_ps(value, _mm256_load_ps(block.thresholds), _CMP_GE_OQ)));
        }
        __m256 part[Parts];
    };
    using FewRow = RowOf<2>;
    using Row = RowOf<4>;
};

constexpr Kernels avx2_table = Body<Avx2>::table("avx2", false);

}  // namespace

const Kernels* avx2_kernels() { return &avx2_table; }

}  // namespace mw::native
#else
namespace mw::native {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace mw::native
#endif
