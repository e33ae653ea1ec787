#pragma once
// For whoever takes batches over from another core.

#include <algorithm>

#include "domain/point.h"

namespace mw {

// It is used soon: its first lines are on their way from memory.
inline void prefetch(const Batch& batch) {
    constexpr std::size_t line = 64, lines_max = 16;
    const auto fetch = [](const void* from, std::size_t bytes) {
        const auto* at = static_cast<const char*>(from);
        for (std::size_t i = 0; i < std::min(bytes, line * lines_max); i += line)
            __builtin_prefetch(at + i);
    };
    fetch(batch.runs.data(), batch.runs.size() * sizeof(Run));
    fetch(batch.times.data(), batch.times.size() * sizeof(Timestamp));
    fetch(batch.values.data(), batch.values.size() * sizeof(double));
    fetch(batch.quality.data(), batch.quality.size());
}

}  // namespace mw
