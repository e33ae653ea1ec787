#include "insight/native/cpu.h"

namespace mw::native {

const Kernels* kernels_of(Isa isa) {
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
#else
    const bool avx2 = false, avx512 = false;
#endif
    switch (isa) {
        case Isa::portable:
            return portable_kernels();
        case Isa::avx2:
            return avx2 ? avx2_kernels() : nullptr;
        case Isa::avx512:
            return avx512 ? avx512_kernels() : nullptr;
        case Isa::neon:
            return neon_kernels();
        case Isa::best:
            break;
    }
    return kernels_of(usable_isas().back());
}

std::vector<Isa> usable_isas() {
    std::vector<Isa> usable;
    for (const Isa isa : {Isa::portable, Isa::neon, Isa::avx2, Isa::avx512})
        if (kernels_of(isa)) usable.push_back(isa);
    return usable;
}

std::string_view to_string(Isa isa) {
    switch (isa) {
        case Isa::best:
            return "best";
        case Isa::portable:
            return "portable";
        case Isa::avx2:
            return "avx2";
        case Isa::avx512:
            return "avx512";
        case Isa::neon:
            return "neon";
    }
    return "?";
}

}  // namespace mw::native
