#pragma once
// For tests: what a row's first number asks of a child that is made to fail.

namespace mw::isolation {

constexpr float fault_abort = 666, fault_exit = 667, fault_hang = 668, fault_memory = 669,
                fault_error = 670;

// ONNX: y[1] = x[1] + x[1].
inline constexpr unsigned char doubling_onnx[] = {
    0x08, 7,    0x3a, 42,   0x0a, 14,   0x0a, 1,    'x', 0x0a, 1,   'x',  0x12,
    1,    'y',  0x22, 3,    'A',  'd',  'd',  0x12, 2,   'g',  '0', 0x5a, 9,
    0x0a, 1,    'x',  0x12, 4,    0x0a, 2,    0x08, 1,   0x62, 9,   0x0a, 1,
    'y',  0x12, 4,    0x0a, 2,    0x08, 1,    0x42, 4,   0x0a, 0,   0x10, 13};

}  // namespace mw::isolation
