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
    static void heap_trees(const Trees&) {}
};

constexpr Kernels avx2_table = Body<Avx2>::table("avx2", false, false);

}  // namespace

const Kernels* avx2_kernels() { return &avx2_table; }

}  // namespace mw::native
#else
namespace mw::native {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace mw::native
#endif
