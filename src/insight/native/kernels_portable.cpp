// For processors of which nothing is known: vectors of four, which compilers make of any.
#include "insight/native/kernel_body.h"

namespace mw::native {
namespace {

struct Portable {
    static constexpr std::uint32_t lanes = 4;
    static constexpr std::uint32_t conv_positions = 4;
    using V [[gnu::vector_size(16)]] = float;
    using N [[gnu::vector_size(16)]] = int;
    MW_INLINE V fma(V a, V b, V c) { return a * b + c; }
    MW_INLINE V sqrt(V v) {
        for (std::uint32_t i = 0; i < lanes; ++i) v[i] = __builtin_sqrtf(v[i]);
        return v;
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

constexpr Kernels portable_table = Body<Portable>::table("portable", false);

}  // namespace

const Kernels* portable_kernels() { return &portable_table; }

}  // namespace mw::native
