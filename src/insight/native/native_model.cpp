#include "insight/native/native_model.h"

#include <cstring>

#include "insight/native/matcher.h"

namespace mw::native {

Result<std::unique_ptr<NativeModel>> NativeModel::load(ByteView onnx,
                                                       const inference::Binding& binding,
                                                       const Kernels& kernels,
                                                       const inference::ModelLimits& limits) {
    GraphLimits graph_limits;
    graph_limits.bytes_max = std::min(graph_limits.bytes_max, limits.bytes_max);
    TRY(const Graph graph, read_graph(onnx, graph_limits));
    TRY(Plan plan, Matcher::match(graph, binding, kernels, limits));
    return std::unique_ptr<NativeModel>(new NativeModel(std::move(plan), kernels));
}

Result<void> NativeModel::run(std::span<const float> in, std::span<float> out) {
    if (in.size() != plan_.in_size || out.size() != plan_.out_size)
        return Error{Errc::invalid_input, "run: want " + std::to_string(plan_.in_size) +
                                              " numbers in and " + std::to_string(plan_.out_size) +
                                              " out, got " + std::to_string(in.size()) + " and " +
                                              std::to_string(out.size())};
    std::memcpy(plan_.in, in.data(), in.size_bytes());
    plan_.run(kernels_);
    std::memcpy(out.data(), plan_.out, out.size_bytes());
    return {};
}

}  // namespace mw::native
