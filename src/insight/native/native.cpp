#include "insight/native/native.h"

#include "insight/native/check.h"
#include "insight/native/cpu.h"

namespace mw::native {
namespace {

using inference::Binding;
using inference::Engine;
using inference::Model;

class NativeEngine final : public Engine {
 public:
    NativeEngine(const Kernels& kernels, inference::ModelLimits limits)
        : kernels_(kernels), limits_(limits) {}

    std::string name() const override { return std::string("native ") + kernels_.name; }
    Result<std::unique_ptr<Model>> load(ByteView onnx, const Binding& binding) override {
        TRY(auto model, NativeModel::load(onnx, binding, kernels_, limits_));
        return std::unique_ptr<Model>(std::move(model));
    }

 private:
    const Kernels& kernels_;
    inference::ModelLimits limits_;
};

// Another engine's model, and why it is not ours.
class Explained final : public Model {
 public:
    Explained(std::unique_ptr<Model> model, std::string why)
        : model_(std::move(model)), why_(std::move(why)) {}

    const inference::TensorShape& input() const override { return model_->input(); }
    const inference::TensorShape& output() const override { return model_->output(); }
    std::size_t input_size() const override { return model_->input_size(); }
    std::size_t output_size() const override { return model_->output_size(); }
    Result<void> run(std::span<const float> in, std::span<float> out) override {
        return model_->run(in, out);
    }
    void rehearse(std::span<const float> in, std::span<float> out) override {
        model_->rehearse(in, out);
    }
    std::string engine() const override { return model_->engine(); }
    std::string remark() const override { return why_; }

 private:
    std::unique_ptr<Model> model_;
    std::string why_;
};

class CheckedEngine final : public Engine {
 public:
    CheckedEngine(const Kernels& kernels, EngineOptions options,
                  Result<std::shared_ptr<Engine>> runtime)
        : kernels_(kernels), options_(std::move(options)), runtime_(std::move(runtime)) {}

    std::string name() const override {
        return std::string("native ") + kernels_.name +
               (runtime_ ? ", " + (*runtime_)->name() : ", no onnxruntime");
    }
    Result<std::unique_ptr<Model>> load(ByteView onnx, const Binding& binding) override;

 private:
    const Kernels& kernels_;
    EngineOptions options_;
    Result<std::shared_ptr<Engine>> runtime_;
};

Result<std::unique_ptr<Model>> CheckedEngine::load(ByteView onnx, const Binding& binding) {
    auto ours = NativeModel::load(onnx, binding, kernels_, options_.native.limits);
    if (!runtime_) {
        if (!ours)
            return std::move(ours).error().context("without ONNX Runtime (" +
                                                   runtime_.error().message + ")");
        (*ours)->set_remark("not compared with ONNX Runtime: " + runtime_.error().message);
        return std::unique_ptr<Model>(*std::move(ours));
    }
    auto theirs = (*runtime_)->load(onnx, binding);
    if (!theirs) return theirs;
    const auto explained = [&](std::string why) -> Result<std::unique_ptr<Model>> {
        return std::unique_ptr<Model>(
            std::make_unique<Explained>(*std::move(theirs), std::move(why)));
    };
    if (!ours) return explained("not native: " + ours.error().message);
    if ((*ours)->plan().convolves && !kernels_.fast_conv)
        return explained("not native: its convolutions are not faster with these instructions");
    RealClock clock;
    TRY(const std::string found, difference(**ours, **theirs, clock, options_.check_max));
    if (!found.empty()) return explained("not native: it differs from ONNX Runtime: " + found);
    return std::unique_ptr<Model>(*std::move(ours));
}

Result<const Kernels*> chosen_kernels(Isa isa) {
    if (const Kernels* kernels = kernels_of(isa)) return kernels;
    return Error{Errc::not_found,
                 "this processor or program has no " + std::string(to_string(isa)) + " kernels"};
}

}  // namespace

Result<std::shared_ptr<Engine>> open_native(NativeOptions options) {
    TRY(const Kernels* kernels, chosen_kernels(options.isa));
    return std::shared_ptr<Engine>(std::make_shared<NativeEngine>(*kernels, options.limits));
}

Result<std::shared_ptr<Engine>> open_engine(EngineOptions options) {
    TRY(const Kernels* kernels, chosen_kernels(options.native.isa));
    auto runtime = inference::open_onnx_runtime(options.runtime);
    // A library that is there and broken is a fault; one that is not there is a small gateway.
    if (!runtime && runtime.error().code != Errc::not_found) return runtime;
    return std::shared_ptr<Engine>(
        std::make_shared<CheckedEngine>(*kernels, std::move(options), std::move(runtime)));
}

}  // namespace mw::native
