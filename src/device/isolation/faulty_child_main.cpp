// For tests: serves models like a gateway's own program, but a row may ask for a fault by its first
// number.
#include <cstdlib>
#include <iostream>

#include "device/isolation/faults.h"
#include "device/isolation/isolation.h"
#include "insight/native/native.h"

namespace {

using namespace mw;

class FaultyModel final : public inference::Model {
 public:
    explicit FaultyModel(std::unique_ptr<inference::Model> model) : model_(std::move(model)) {}
    const inference::TensorShape& input() const override { return model_->input(); }
    const inference::TensorShape& output() const override { return model_->output(); }
    std::size_t input_size() const override { return model_->input_size(); }
    std::size_t output_size() const override { return model_->output_size(); }
    std::string engine() const override { return model_->engine(); }
    std::string remark() const override { return model_->remark(); }
    Result<void> run(std::span<const float> in, std::span<float> out) override {
        if (in[0] == isolation::fault_abort) std::abort();
        if (in[0] == isolation::fault_exit) std::_Exit(3);
        if (in[0] == isolation::fault_error) return Error{Errc::io_failed, "it does not want to"};
        if (in[0] == isolation::fault_memory) eaten_.assign(std::size_t{1} << 30, 'x');
        for (volatile bool hangs = in[0] == isolation::fault_hang; hangs;) {
        }
        return model_->run(in, out);
    }

 private:
    std::unique_ptr<inference::Model> model_;
    std::string eaten_;
};

class FaultyEngine final : public inference::Engine {
 public:
    explicit FaultyEngine(std::shared_ptr<inference::Engine> engine) : engine_(std::move(engine)) {}
    std::string name() const override { return engine_->name(); }
    Result<std::unique_ptr<inference::Model>> load(ByteView onnx,
                                                   const inference::Binding& binding) override {
        TRY(auto model, engine_->load(onnx, binding));
        return std::unique_ptr<inference::Model>(std::make_unique<FaultyModel>(std::move(model)));
    }

 private:
    std::shared_ptr<inference::Engine> engine_;
};

Result<std::shared_ptr<inference::Engine>> open_faulty() {
    TRY(auto engine, native::open_native());
    return std::shared_ptr<inference::Engine>(std::make_shared<FaultyEngine>(std::move(engine)));
}

}  // namespace

int main(int argc, char** argv) {
    const auto served = isolation::serve({argv + 1, argv + argc}, open_faulty);
    if (!served) std::cerr << served.error().message << '\n';
    return served ? 0 : 1;
}
