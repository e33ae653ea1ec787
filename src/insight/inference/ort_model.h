#pragma once
// One session with its input and output buffers, bound once. Belongs to one thread.

#include "insight/inference/inference.h"
#include "insight/inference/ort_runtime.h"

namespace mw::inference::ort {

class OrtModel final : public Model {
 public:
    static Result<std::unique_ptr<Model>> load(std::shared_ptr<Runtime> runtime, ByteView onnx,
                                               const Binding& binding, const ModelLimits& limits);

    const TensorShape& input() const override { return input_; }
    const TensorShape& output() const override { return output_; }
    std::size_t input_size() const override { return in_.size(); }
    std::size_t output_size() const override { return out_.size(); }
    Result<void> run(std::span<const float> in, std::span<float> out) override;
    void rehearse(std::span<const float> in, std::span<float> out) override {
        ignore(run(in, out), "its errors are for real calls");
    }
    std::string engine() const override { return "onnxruntime " + runtime_->version(); }

 private:
    explicit OrtModel(std::shared_ptr<Runtime> runtime) : runtime_(std::move(runtime)) {}

    struct Port {
        TensorShape shape;
        int onnx_type = 0;
        int element_type = 0;
    };
    Result<std::vector<Port>> ports(bool inputs) const;
    Result<Port> port(std::size_t index, bool input) const;
    Result<TensorShape> shape_of(const TensorInfo* info) const;
    Result<void> choose(const Binding& binding, const ModelLimits& limits);
    Result<void> try_run(const ModelLimits& limits);
    Result<void> bind();
    Result<Handle<Value>> tensor(std::vector<float>& buffer, const TensorShape& shape) const;

    std::shared_ptr<Runtime> runtime_;  // outlives the handles below
    Handle<Session> session_;
    TensorShape input_;
    TensorShape output_;
    std::vector<float> in_;
    std::vector<float> out_;
    Handle<Value> in_value_;
    Handle<Value> out_value_;
    Handle<IoBinding> binding_;
};

}  // namespace mw::inference::ort
