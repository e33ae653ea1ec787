#pragma once
// For this module's tests only: the smallest model that does something.

#include <cstdint>

namespace mw::agent {

// ONNX: y[1] = x[1] + x[1].
inline constexpr std::uint8_t doubling[] = {
    0x08, 7,    0x3a, 42,   0x0a, 14,   0x0a, 1,    'x', 0x0a, 1,   'x',  0x12,
    1,    'y',  0x22, 3,    'A',  'd',  'd',  0x12, 2,   'g',  '0', 0x5a, 9,
    0x0a, 1,    'x',  0x12, 4,    0x0a, 2,    0x08, 1,   0x62, 9,   0x0a, 1,
    'y',  0x12, 4,    0x0a, 2,    0x08, 1,    0x42, 4,   0x0a, 0,   0x10, 13};

}  // namespace mw::agent
