#pragma once
// An inference request as bytes, and the response. Pure functions: no model, no I/O.
//
// JSON tensors have their numbers in `data`, nested or flat, in row-major order. With the binary
// extension the JSON is the first Inference-Header-Content-Length bytes of the body, and tensors
// with `binary_data_size` follow it, little-endian, in order.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "insight/open_inference/models.h"

namespace mw::open_inference {

struct Limits {
    std::size_t body_bytes = std::size_t{4} << 20;
    std::size_t rows = 1'024;
};

struct InferRequest {
    std::string id;
    Rows rows;
    std::vector<std::int64_t> shape;  // as sent
    bool binary_output = false;
};

// `header_bytes`: of Inference-Header-Content-Length; none: the whole body is JSON. Errors are
// invalid_input and say what the model has and what was sent.
Result<InferRequest> decode_request(std::string_view body, std::optional<std::size_t> header_bytes,
                                    const Description& model, const Limits& limits);

struct Encoded {
    std::string body;
    std::optional<std::size_t> header_bytes;  // set: the binary extension
};
Encoded encode_response(const InferRequest& request, const Description& model,
                        std::span<const float> values);

}  // namespace mw::open_inference
