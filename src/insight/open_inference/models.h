#pragma once
// Whoever has models that can be asked. Implemented by the gateway's agent and by the hub; what
// tensors look like is the protocol's matter.

#include <string>
#include <vector>

#include "insight/inference/inference.h"
#include "platform/loop/loop.h"

namespace mw::open_inference {

struct Description {
    std::string name;
    std::string version;                // the one that answers
    std::vector<std::string> versions;  // all that can be asked for
    std::string platform;               // what runs it: "native avx2", "onnxruntime 1.30.0"
    inference::TensorShape input, output;

    // Several rows can be asked about at once: the first dimension is the batch.
    bool batches() const { return input.dims.size() > 1 && input.dims[0] == 1; }
};

// One after the other, as rows of the model's input.
struct Rows {
    std::size_t count = 1;
    std::vector<float> values;
};

class Models {
 public:
    virtual ~Models() = default;
    virtual bool ready() const = 0;
    // version empty: the one in use. not_found.
    virtual Task<Description> describe(std::string model, std::string version) = 0;
    // The outputs of the rows, one after the other.
    virtual Task<std::vector<float>> run(std::string model, std::string version, Rows rows) = 0;
};

// Row by row through one model; what failed is an error that names the row.
Result<std::vector<float>> run_rows(inference::Model& model, const Rows& rows);

}  // namespace mw::open_inference
