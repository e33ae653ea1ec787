#pragma once
// The native engine: models of a closed set of operators, run by our own kernels for this
// processor's instructions. What a graph has beside them makes it another engine's.
//
// open_engine() is what programs use: native where the whole graph matches and agrees with ONNX
// Runtime on rows that are tried when it is loaded, else ONNX Runtime. Model::engine() says which
// one runs and Model::remark() why. Limits: inference::ModelLimits, and 256 MB for one model.

#include <chrono>

#include "insight/inference/inference.h"

namespace mw::native {

enum class Isa { best, portable, avx2, avx512, neon };

// Those that this program was built with and this processor has, "portable" first.
std::vector<Isa> usable_isas();
std::string_view to_string(Isa isa);

struct NativeOptions {
    Isa isa = Isa::best;
    inference::ModelLimits limits = {};
};

// Without ONNX Runtime; a graph that it does not take is an error that says why.
Result<std::shared_ptr<inference::Engine>> open_native(NativeOptions options = {});

struct EngineOptions {
    NativeOptions native = {};
    inference::OnnxRuntimeOptions runtime = {};
    std::chrono::milliseconds check_max{250};  // what the comparison may take, beyond a few rows
};

// When ONNX Runtime's library is missing, models that match run natively and say that nobody
// checked them; others don't load. Costs what open_onnx_runtime() costs, when there is one.
Result<std::shared_ptr<inference::Engine>> open_engine(EngineOptions options = {});

}  // namespace mw::native
