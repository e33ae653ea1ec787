#pragma once
// Models that map one feature vector to numbers. An Engine loads ONNX bytes into a Model; the
// engine here is ONNX Runtime through its C ABI, loaded at run time, one thread per model, no
// telemetry. A Model belongs to one thread; an engine outlives no model (models keep it). Limits:
// ModelLimits.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace mw::inference {

struct ModelLimits {
    std::size_t bytes_max = 256u << 20;
    std::size_t elements_max = 4u << 20;  // of one input or output
};

// A float tensor as the graph declares it. -1: any size.
struct TensorShape {
    std::string name;
    std::vector<std::int64_t> dims;
};

// Which tensors to use. Empty names: the graph must have exactly one.
struct Binding {
    std::string input = {};
    std::string output = {};
    std::size_t features = 0;  // elements of the input: a free batch dimension becomes 1
};

// The shape with its free dimensions filled in: a free first one of several is the batch and
// becomes 1, one more takes what is left of `features`. No dimensions at all: one row.
Result<TensorShape> filled_in(const TensorShape& declared, std::size_t features,
                              std::size_t elements_max);
std::string to_text(const TensorShape& shape);
// Elements, or 0 when a dimension is 0 or there are more than `most`.
std::size_t elements_of(const TensorShape& shape, std::size_t most);

// How a model stands that something watches over.
struct Standing {
    std::string trouble;  // why it is not asked just now; empty: it is
    std::uint64_t late = 0, failures = 0;
};

class Model {
 public:
    virtual ~Model() = default;
    virtual const TensorShape& input() const = 0;  // with free dimensions filled in
    virtual const TensorShape& output() const = 0;
    virtual std::size_t input_size() const = 0;  // elements
    virtual std::size_t output_size() const = 0;
    // Sizes must be input_size() and output_size(). Allocates nothing itself; never throws.
    virtual Result<void> run(std::span<const float> in, std::span<float> out) = 0;
    // Brings what run() needs into the processor's caches: as a run, but nothing is counted, no
    // error is told, and `out` is of no use. Does nothing where a run is more than a call.
    virtual void rehearse(std::span<const float> in, std::span<float> out) {
        static_cast<void>(in), static_cast<void>(out);
    }
    // What runs it, "onnxruntime 1.30.0", and what is to be said about that; may be empty.
    virtual std::string engine() const { return {}; }
    virtual std::string remark() const { return {}; }
    virtual Standing standing() const { return {}; }
};

class Engine {
 public:
    virtual ~Engine() = default;
    virtual std::string name() const = 0;  // "onnxruntime 1.30.0"
    // The caller has checked the hash. Errors say what the graph has and what was wanted.
    virtual Result<std::unique_ptr<Model>> load(ByteView onnx, const Binding& binding) = 0;
};

struct OnnxRuntimeOptions {
    // Empty: $MILLWRIGHT_ORT, beside the program, ../lib beside it, the loader's path, then the
    // folder of the build.
    std::string library = {};
    ModelLimits limits = {};
    // Its memory arena and patterns: more megabytes resident, and quicker where graphs are large.
    bool arena = false;
};

// Loads the library and tests it (version, an error path, a tiny model with known output).
// Costs about 20 MB resident, the first model 11 MB more: open it when the first model arrives.
Result<std::shared_ptr<Engine>> open_onnx_runtime(OnnxRuntimeOptions options = {});

}  // namespace mw::inference
