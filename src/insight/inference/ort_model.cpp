#include "insight/inference/ort_model.h"

#include <cstring>

namespace mw::inference::ort {
namespace {

Error bad(std::string message) { return Error{Errc::invalid_input, std::move(message)}; }

}  // namespace

Result<std::unique_ptr<Model>> OrtModel::load(std::shared_ptr<Runtime> runtime, ByteView onnx,
                                              const Binding& binding, const ModelLimits& limits) {
    if (onnx.empty()) return bad("the ONNX file is empty");
    if (onnx.size() > limits.bytes_max)
        return bad("the ONNX file has " + std::to_string(onnx.size()) + " bytes, more than " +
                   std::to_string(limits.bytes_max));
    const Api& api = runtime->api();
    std::unique_ptr<OrtModel> model(new OrtModel(runtime));
    Session* session = nullptr;
    TRY_VOID(
        runtime->check(api.create_session_from_array.call(runtime->env(), onnx.data(), onnx.size(),
                                                          runtime->session_options(), &session),
                       "not a usable ONNX file"));
    model->session_ = own(session, api.release_session);
    TRY_VOID(model->choose(binding, limits));
    TRY_VOID(model->try_run(limits));
    TRY_VOID(model->bind());
    return std::unique_ptr<Model>(std::move(model));
}

Result<void> OrtModel::run(std::span<const float> in, std::span<float> out) {
    if (in.size() != in_.size() || out.size() != out_.size())
        return bad("run: want " + std::to_string(in_.size()) + " numbers in and " +
                   std::to_string(out_.size()) + " out, got " + std::to_string(in.size()) +
                   " and " + std::to_string(out.size()));
    std::memcpy(in_.data(), in.data(), in.size_bytes());
    TRY_VOID(runtime_->check(
        runtime_->api().run_with_binding.call(session_.get(), nullptr, binding_.get()), "run"));
    std::memcpy(out.data(), out_.data(), out.size_bytes());
    return {};
}

Result<std::vector<OrtModel::Port>> OrtModel::ports(bool inputs) const {
    const Api& api = runtime_->api();
    std::size_t count = 0;
    TRY_VOID(runtime_->check(inputs ? api.input_count.call(session_.get(), &count)
                                    : api.output_count.call(session_.get(), &count),
                             "count inputs and outputs"));
    std::vector<Port> ports;
    for (std::size_t i = 0; i < count; ++i) {
        TRY(Port one, port(i, inputs));
        ports.push_back(std::move(one));
    }
    return ports;
}

Result<OrtModel::Port> OrtModel::port(std::size_t index, bool input) const {
    const Api& api = runtime_->api();
    Port result;
    char* name = nullptr;
    TRY_VOID(runtime_->check(
        input ? api.input_name.call(session_.get(), index, runtime_->allocator(), &name)
              : api.output_name.call(session_.get(), index, runtime_->allocator(), &name),
        "read a name"));
    result.shape.name = name;
    TRY_VOID(runtime_->check(api.free_by.call(runtime_->allocator(), name), "free a name"));

    TypeInfo* raw = nullptr;
    TRY_VOID(runtime_->check(input ? api.input_type.call(session_.get(), index, &raw)
                                   : api.output_type.call(session_.get(), index, &raw),
                             "read a type"));
    const auto type = own(raw, api.release_type);
    OnnxType kind{};
    TRY_VOID(runtime_->check(api.onnx_type.call(raw, &kind), "read a type"));
    result.onnx_type = kind;
    if (kind != onnx_tensor) return result;
    const TensorInfo* tensor = nullptr;
    TRY_VOID(runtime_->check(api.cast_to_tensor.call(raw, &tensor), "read a tensor type"));
    ElementType element{};
    TRY_VOID(runtime_->check(api.element_type.call(tensor, &element), "read an element type"));
    result.element_type = element;
    TRY(TensorShape shape, shape_of(tensor));
    result.shape.dims = std::move(shape.dims);
    return result;
}

Result<TensorShape> OrtModel::shape_of(const TensorInfo* info) const {
    TensorShape shape;
    std::size_t rank = 0;
    TRY_VOID(runtime_->check(runtime_->api().dimension_count.call(info, &rank), "read a rank"));
    if (rank > 16) return bad("a tensor has " + std::to_string(rank) + " dimensions, at most 16");
    shape.dims.resize(rank);
    TRY_VOID(runtime_->check(runtime_->api().dimensions.call(info, shape.dims.data(), rank),
                             "read a shape"));
    return shape;
}

Result<void> OrtModel::choose(const Binding& binding, const ModelLimits& limits) {
    const auto pick = [](const std::vector<Port>& ports, const std::string& name,
                         const std::string& what) -> Result<TensorShape> {
        std::string known;
        for (const Port& port : ports) known += (known.empty() ? "" : ", ") + to_text(port.shape);
        const Port* chosen = name.empty() && ports.size() == 1 ? &ports[0] : nullptr;
        for (const Port& port : ports)
            if (!name.empty() && port.shape.name == name) chosen = &port;
        if (!chosen)
            return bad(name.empty()
                           ? "the graph has " + std::to_string(ports.size()) + " " + what +
                                 "s; name one of " + known
                           : "the graph has no " + what + " '" + name + "'; it has " + known);
        if (chosen->onnx_type != onnx_tensor || chosen->element_type != element_float)
            return bad(what + " " + to_text(chosen->shape) + " is not a float tensor");
        return chosen->shape;
    };
    TRY(const auto inputs, ports(true));
    TRY(const auto outputs, ports(false));
    if (inputs.size() != 1)
        return bad("the graph has " + std::to_string(inputs.size()) + " inputs, want one");
    TRY(const TensorShape input, pick(inputs, binding.input, "input"));
    TRY(output_, pick(outputs, binding.output, "output"));
    TRY(input_, filled_in(input, binding.features, limits.elements_max));
    in_.resize(elements_of(input_, limits.elements_max));
    return {};
}

// Runs once on zeros: shows that the graph works, and how large its output really is.
Result<void> OrtModel::try_run(const ModelLimits& limits) {
    const Api& api = runtime_->api();
    TRY(in_value_, tensor(in_, input_));
    const char* in_name = input_.name.c_str();
    const char* out_name = output_.name.c_str();
    const Value* in_value = in_value_.get();
    Value* raw = nullptr;
    TRY_VOID(runtime_->check(
        api.run.call(session_.get(), nullptr, &in_name, &in_value, 1, &out_name, 1, &raw),
        "first run"));
    const auto value = own(raw, api.release_value);
    TensorInfo* raw_info = nullptr;
    TRY_VOID(runtime_->check(api.tensor_info.call(raw, &raw_info), "read the output"));
    const auto info = own(raw_info, api.release_tensor_info);
    TRY(TensorShape shape, shape_of(raw_info));
    output_.dims = std::move(shape.dims);
    const std::size_t size = elements_of(output_, limits.elements_max);
    if (size == 0) return bad("output " + to_text(output_) + " is empty or too large");
    out_.resize(size);
    return {};
}

Result<void> OrtModel::bind() {
    const Api& api = runtime_->api();
    TRY(out_value_, tensor(out_, output_));
    IoBinding* raw = nullptr;
    TRY_VOID(runtime_->check(api.create_binding.call(session_.get(), &raw), "create a binding"));
    binding_ = own(raw, api.release_binding);
    TRY_VOID(runtime_->check(api.bind_input.call(raw, input_.name.c_str(), in_value_.get()),
                             "bind the input"));
    return runtime_->check(api.bind_output.call(raw, output_.name.c_str(), out_value_.get()),
                           "bind the output");
}

Result<Handle<Value>> OrtModel::tensor(std::vector<float>& buffer, const TensorShape& shape) const {
    Value* raw = nullptr;
    TRY_VOID(runtime_->check(
        runtime_->api().create_tensor.call(runtime_->cpu_memory(), buffer.data(),
                                           buffer.size() * sizeof(float), shape.dims.data(),
                                           shape.dims.size(), element_float, &raw),
        "create a tensor"));
    return own(raw, runtime_->api().release_value);
}

}  // namespace mw::inference::ort
