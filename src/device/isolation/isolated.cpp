#include "base/log.h"
#include "device/isolation/rest.h"
#include "device/isolation/wire.h"

namespace mw::isolation {
namespace {

constexpr nanoseconds load_limit = seconds{60};

inference::TensorShape shape_from(const Json& json, std::string_view key) {
    inference::TensorShape shape;
    const Json* given = find(json, key);
    if (!given) return shape;
    shape.name = find_string(*given, "name").value_or("");
    if (const Json* dims = find(*given, "dims"); dims && dims->is_array())
        for (const Json& dim : dims->get_array())
            if (dim.is_int64()) shape.dims.push_back(dim.get_int64());
    return shape;
}

class IsolatedModel final : public inference::Model {
 public:
    IsolatedModel(Isolated how, const inference::Binding& binding, process::SharedBytes onnx,
                  const Clock& clock)
        : how_(std::move(how)),
          onnx_(std::move(onnx)),
          clock_(clock),
          deadline_(how_.limits.deadline.value_or(process_deadline_default)),
          buffer_(process::packet_max) {
        command_.arguments = how_.arguments;
        command_.arguments.insert(
            command_.arguments.end(),
            {std::string(input_word) + binding.input, std::string(output_word) + binding.output,
             std::to_string(binding.features),
             std::to_string(how_.limits.memory_bytes.value_or(0))});
        command_.environment = how_.environment;
        command_.shared = &onnx_;
    }

    const inference::TensorShape& input() const override { return input_; }
    const inference::TensorShape& output() const override { return output_; }
    std::size_t input_size() const override { return input_size_; }
    std::size_t output_size() const override { return output_size_; }
    std::string engine() const override { return engine_ + ", in a process of its own"; }
    std::string remark() const override { return remark_; }
    inference::Standing standing() const override { return {rest_.why(), late_, rest_.failures()}; }

    Result<> start(nanoseconds limit) {
        if (!partner_) {
            TRY(partner_, process::Partner::start(command_));
            ready_ = false;
            started_ = clock_.steady();
        }
        TRY(const std::size_t size, partner_->hear(buffer_, limit));
        const std::string_view text = text_of(ByteView(buffer_).subspan(1, size - 1));
        if (buffer_[0] != answer_good) return Error{Errc::invalid_input, std::string(text)};
        TRY(const Json about, parse_json(text));
        input_ = shape_from(about, "input");
        output_ = shape_from(about, "output");
        input_size_ = static_cast<std::size_t>(find_integer(about, "input_size").value_or(0));
        output_size_ = static_cast<std::size_t>(find_integer(about, "output_size").value_or(0));
        engine_ = find_string(about, "engine").value_or("");
        remark_ = find_string(about, "remark").value_or("");
        ready_ = true;
        return {};
    }

    Result<void> run(std::span<const float> in, std::span<float> out) override {
        if (rest_.resting(clock_.steady())) return rest_.error(clock_.steady());
        if (!ready_) {  // nobody waits for a program to start
            auto started = start(nanoseconds{0});
            const bool waits = clock_.steady() - started_ < load_limit;
            if (!started && started.error().code == Errc::timed_out && waits)
                return Error{Errc::overloaded, "its process is starting"};
            if (!started) return gave_up(std::move(started).error());
        }
        auto said =
            partner_->tell({reinterpret_cast<const std::uint8_t*>(in.data()), in.size_bytes()});
        if (!said) return gave_up(std::move(said).error());
        const auto size = partner_->hear(buffer_, deadline_);
        if (!size) {
            late_ += size.error().code == Errc::timed_out;
            return gave_up(size.error());
        }
        if (buffer_[0] != answer_good)
            return Error{Errc::io_failed,
                         std::string(text_of(ByteView(buffer_).subspan(1, *size - 1)))};
        if (*size != 1 + out.size_bytes())
            return gave_up(Error{Errc::io_failed, "its process gave numbers of another count"});
        std::memcpy(out.data(), buffer_.data() + 1, out.size_bytes());
        rest_.did_well();
        return {};
    }

 private:
    Error gave_up(Error why) {
        partner_.reset();
        ready_ = false;
        rest_.failed(clock_.steady(), why.message);
        log::warn("edge.model.process_ended",
                  {{"model", how_.model}, {"reason", why.message}, {"times", rest_.failures()}});
        return rest_.error(clock_.steady());
    }

    Isolated how_;
    process::SharedBytes onnx_;
    const Clock& clock_;
    nanoseconds deadline_;
    Bytes buffer_;
    process::PartnerCommand command_;
    std::unique_ptr<process::Partner> partner_;
    bool ready_ = false;
    SteadyTime started_;
    Rest rest_;
    std::uint64_t late_ = 0;
    inference::TensorShape input_, output_;
    std::size_t input_size_ = 0, output_size_ = 0;
    std::string engine_, remark_;
};

class IsolatedEngine final : public inference::Engine {
 public:
    IsolatedEngine(Isolated how, const Clock& clock) : how_(std::move(how)), clock_(clock) {}
    std::string name() const override { return "another process"; }
    Result<std::unique_ptr<inference::Model>> load(ByteView onnx,
                                                   const inference::Binding& binding) override {
        TRY(auto shared, process::SharedBytes::of(onnx));
        auto model = std::make_unique<IsolatedModel>(how_, binding, std::move(shared), clock_);
        TRY_VOID(model->start(load_limit).context("loading the model in a process of its own"));
        return std::unique_ptr<inference::Model>(std::move(model));
    }

 private:
    Isolated how_;
    const Clock& clock_;
};

}  // namespace

std::shared_ptr<inference::Engine> open_isolated(Isolated how, const Clock& clock) {
    return std::make_shared<IsolatedEngine>(std::move(how), clock);
}

}  // namespace mw::isolation
