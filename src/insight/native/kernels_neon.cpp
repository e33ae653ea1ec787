// For aarch64, where every processor has NEON with fused multiplication.
#include "insight/native/kernel_body.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace mw::native {
namespace {

struct Neon {
    static constexpr std::uint32_t lanes = 4;
    static constexpr std::uint32_t conv_positions = 8;  // 16 sums of 32 registers
    using V [[gnu::vector_size(16)]] = float;
    using N [[gnu::vector_size(16)]] = int;
    MW_INLINE V fma(V a, V b, V c) {
        return reinterpret_cast<V>(vfmaq_f32(reinterpret_cast<float32x4_t>(c),
                                             reinterpret_cast<float32x4_t>(a),
                                             reinterpret_cast<float32x4_t>(b)));
    }
    MW_INLINE V sqrt(V v) {
        return reinterpret_cast<V>(vsqrtq_f32(reinterpret_cast<float32x4_t>(v)));
    }
    struct Row {
        static constexpr bool in_vectors = false;
    };
    MW_INLINE bool any(N mask) {
        int bits = 0;
        for (std::uint32_t i = 0; i < lanes; ++i) bits |= mask[i];
        return bits != 0;
    }
};

constexpr Kernels neon_table = Body<Neon>::table("neon", false);

}  // namespace

const Kernels* neon_kernels() { return &neon_table; }

}  // namespace mw::native
#else
namespace mw::native {
const Kernels* neon_kernels() { return nullptr; }
}  // namespace mw::native
#endif
