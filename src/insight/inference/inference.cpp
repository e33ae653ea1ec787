#include "insight/inference/inference.h"

#include "insight/inference/ort_model.h"
#include "insight/inference/tiny_model.h"

namespace mw::inference {
namespace {

class OrtEngine final : public Engine {
 public:
    OrtEngine(std::shared_ptr<ort::Runtime> runtime, ModelLimits limits)
        : runtime_(std::move(runtime)), limits_(limits) {}

    std::string name() const override { return "onnxruntime " + runtime_->version(); }
    Result<std::unique_ptr<Model>> load(ByteView onnx, const Binding& binding) override {
        return ort::OrtModel::load(runtime_, onnx, binding, limits_);
    }

 private:
    std::shared_ptr<ort::Runtime> runtime_;
    ModelLimits limits_;
};

// The table's entries are typed by us, not by the library's header: try them before trusting them.
Result<void> test(const ort::Runtime& runtime, Engine& engine) {
    const Error broken{Errc::io_failed, "ONNX Runtime " + runtime.version() +
                                            " does not behave as its API version says"};
    ort::Session* session = nullptr;
    const auto no_file =
        runtime.check(runtime.api().create_session.call(runtime.env(), "/nonexistent/model.onnx",
                                                        runtime.session_options(), &session),
                      "open");
    if (no_file || session) return broken.context("a missing file was accepted");
    auto model = engine.load(tiny_model, {.features = 1});
    if (!model) return broken.context(model.error().message);
    const float in[] = {1.25F};
    float out[] = {0};
    if (auto ran = (*model)->run(in, out); !ran) return broken.context(ran.error().message);
    if (out[0] != 2.5F) return broken.context("the test model gave another result");
    return {};
}

}  // namespace

Result<std::shared_ptr<Engine>> open_onnx_runtime(OnnxRuntimeOptions options) {
    TRY(const auto runtime, ort::Runtime::open(options.library, options.arena));
    auto engine = std::make_shared<OrtEngine>(runtime, options.limits);
    TRY_VOID(test(*runtime, *engine));
    return std::shared_ptr<Engine>(std::move(engine));
}

}  // namespace mw::inference
