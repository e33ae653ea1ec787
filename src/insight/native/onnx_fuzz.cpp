// Any bytes as an ONNX file: an error, or a model that runs and gives as many numbers as it says.
#include <cstddef>
#include <cstdint>

#include "insight/native/native.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw;
    inference::ModelLimits limits;
    limits.elements_max = 1 << 14;  // large tensors only cost time
    static const auto engine = native::open_native({native::Isa::best, limits}).value();
    auto model = engine->load({data, size}, {});
    if (!model) return 0;
    std::vector<float> in((*model)->input_size(), 0.5F), out((*model)->output_size());
    ASSERT((*model)->run(in, out).ok());
    return 0;
}
