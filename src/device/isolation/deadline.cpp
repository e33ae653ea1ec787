#include "base/log.h"
#include "device/isolation/rest.h"

namespace mw::isolation {
namespace {

// A call can't be taken back: what comes late is used, and counted. Late again and again, the
// model rests.
class DeadlineModel final : public inference::Model {
 public:
    DeadlineModel(std::string name, std::unique_ptr<inference::Model> model, nanoseconds deadline,
                  const Clock& clock)
        : name_(std::move(name)), model_(std::move(model)), deadline_(deadline), clock_(clock) {}

    const inference::TensorShape& input() const override { return model_->input(); }
    const inference::TensorShape& output() const override { return model_->output(); }
    std::size_t input_size() const override { return model_->input_size(); }
    std::size_t output_size() const override { return model_->output_size(); }
    std::string engine() const override { return model_->engine(); }
    std::string remark() const override { return model_->remark(); }
    inference::Standing standing() const override {
        return {rest_.resting(clock_.steady()) ? rest_.why() : "", late_, 0};
    }

    void rehearse(std::span<const float> in, std::span<float> out) override {
        if (!rest_.resting(clock_.steady())) model_->rehearse(in, out);
    }

    Result<void> run(std::span<const float> in, std::span<float> out) override {
        const SteadyTime began = clock_.steady();
        if (rest_.resting(began)) return rest_.error(began);
        auto ran = model_->run(in, out);
        const SteadyTime ended = clock_.steady();
        if (ended - began <= deadline_) {
            late_in_a_row_ = 0;
            rest_.did_well();
            return ran;
        }
        ++late_;
        if (++late_in_a_row_ < late_calls_max) return ran;
        late_in_a_row_ = 0;
        rest_.failed(ended, "it took longer than its deadline of " + to_text(deadline_) + ", " +
                                std::to_string(late_calls_max) + " times in a row");
        log::warn("edge.model.rests", {{"model", name_}, {"reason", rest_.why()}});
        return ran;
    }

 private:
    std::string name_;
    std::unique_ptr<inference::Model> model_;
    nanoseconds deadline_;
    const Clock& clock_;
    Rest rest_;
    std::uint64_t late_ = 0;
    unsigned late_in_a_row_ = 0;
};

class DeadlineEngine final : public inference::Engine {
 public:
    DeadlineEngine(std::shared_ptr<inference::Engine> engine, std::string model,
                   nanoseconds deadline, const Clock& clock)
        : engine_(std::move(engine)),
          model_(std::move(model)),
          deadline_(deadline),
          clock_(clock) {}
    std::string name() const override { return engine_->name(); }
    Result<std::unique_ptr<inference::Model>> load(ByteView onnx,
                                                   const inference::Binding& binding) override {
        TRY(auto model, engine_->load(onnx, binding));
        return std::unique_ptr<inference::Model>(
            std::make_unique<DeadlineModel>(model_, std::move(model), deadline_, clock_));
    }

 private:
    std::shared_ptr<inference::Engine> engine_;
    std::string model_;
    nanoseconds deadline_;
    const Clock& clock_;
};

}  // namespace

std::shared_ptr<inference::Engine> with_deadline(std::shared_ptr<inference::Engine> engine,
                                                 std::string model, nanoseconds deadline,
                                                 const Clock& clock) {
    return std::make_shared<DeadlineEngine>(std::move(engine), std::move(model), deadline, clock);
}

}  // namespace mw::isolation
