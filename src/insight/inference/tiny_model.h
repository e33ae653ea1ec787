#pragma once
// The ONNX file of the start-up test: y[1] = x[1] + x[1], opset 13, ir version 7.

#include <cstdint>

namespace mw::inference {

inline constexpr std::uint8_t tiny_model[] = {
    0x08, 7,                                       // ModelProto.ir_version
    0x3a, 42,                                      // .graph
    0x0a, 14,                                      //   GraphProto.node
    0x0a, 1,  'x',  0x0a, 1,    'x',               //     input, input
    0x12, 1,  'y',                                 //     output
    0x22, 3,  'A',  'd',  'd',                     //     op_type
    0x12, 2,  'g',  '0',                           //   name
    0x5a, 9,                                       //   input: ValueInfoProto
    0x0a, 1,  'x',                                 //     name
    0x12, 4,  0x0a, 2,    0x08, 1,                 //     type.tensor_type.elem_type = float
    0x62, 9,                                       //   output
    0x0a, 1,  'y',  0x12, 4,    0x0a, 2, 0x08, 1,  //     the same
    0x42, 4,  0x0a, 0,    0x10, 13,                // .opset_import: domain "", version 13
};

}  // namespace mw::inference
