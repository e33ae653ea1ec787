#pragma once
// A plan as a Model. Belongs to one thread, like every model.

#include "insight/native/plan.h"

namespace mw::native {

class NativeModel final : public inference::Model {
 public:
    static Result<std::unique_ptr<NativeModel>> load(ByteView onnx,
                                                     const inference::Binding& binding,
                                                     const Kernels& kernels,
                                                     const inference::ModelLimits& limits);

    const inference::TensorShape& input() const override { return plan_.input; }
    const inference::TensorShape& output() const override { return plan_.output; }
    std::size_t input_size() const override { return plan_.in_size; }
    std::size_t output_size() const override { return plan_.out_size; }
    Result<void> run(std::span<const float> in, std::span<float> out) override;
    void rehearse(std::span<const float> in, std::span<float> out) override {
        ignore(run(in, out), "its errors are for real calls");
    }
    std::string engine() const override { return std::string("native ") + kernels_.name; }
    std::string remark() const override { return remark_; }

    const Plan& plan() const { return plan_; }
    const Kernels& kernels() const { return kernels_; }
    void set_remark(std::string remark) { remark_ = std::move(remark); }

 private:
    NativeModel(Plan plan, const Kernels& kernels) : plan_(std::move(plan)), kernels_(kernels) {}

    Plan plan_;
    const Kernels& kernels_;
    std::string remark_;
};

}  // namespace mw::native
