#include "device/isolation/wire.h"

namespace mw::isolation {
namespace {

constexpr std::size_t model_bytes_served_max = 256u << 20;

struct Asked {
    inference::Binding binding;
    std::uint64_t memory_bytes = 0;
};

Result<Asked> asked_of(const std::vector<std::string>& arguments) {
    if (arguments.size() != 4)
        return Error{Errc::invalid_input, "want input, output, features and memory"};
    Asked asked;
    // With words before them: an empty argument gets lost on some roads.
    asked.binding.input = arguments[0].substr(std::min(input_word.size(), arguments[0].size()));
    asked.binding.output = arguments[1].substr(std::min(output_word.size(), arguments[1].size()));
    asked.binding.features = std::strtoull(arguments[2].c_str(), nullptr, 10);
    asked.memory_bytes = std::strtoull(arguments[3].c_str(), nullptr, 10);
    return asked;
}

Json shape_json(const inference::TensorShape& shape) {
    JsonArray dims;
    for (const std::int64_t dim : shape.dims) dims.emplace_back(dim);
    return JsonObject{{"name", shape.name}, {"dims", std::move(dims)}};
}

Result<std::unique_ptr<inference::Model>> load_served(const Asked& asked, OpenEngine open) {
    TRY(const Bytes onnx, process::shared_bytes(model_bytes_served_max));
    TRY(auto engine, open());
    if (asked.memory_bytes > 0) TRY_VOID(process::limit_memory(asked.memory_bytes));
    TRY(auto model, engine->load(onnx, asked.binding));
    if (std::max(model->input_size(), model->output_size()) > numbers_max)
        return Error{Errc::invalid_input,
                     "it has more numbers than go to another process at once: "
                     "at most " +
                         std::to_string(numbers_max)};
    return model;
}

Result<> answer_all(inference::Model& model) {
    Bytes question(process::packet_max), reply(1 + model.output_size() * sizeof(float));
    std::vector<float> in(model.input_size()), out(model.output_size());
    Bytes trouble;
    for (;;) {
        TRY(const std::size_t size, process::next_question(question));
        if (size == 0) return {};
        if (size != in.size() * sizeof(float))
            return Error{Errc::invalid_input, "a row of another size"};
        std::memcpy(in.data(), question.data(), size);
        if (auto ran = model.run(in, out); !ran) {
            put_text(trouble, answer_bad, ran.error().message);
            TRY_VOID(process::answer(trouble));
            continue;
        }
        reply[0] = answer_good;
        std::memcpy(reply.data() + 1, out.data(), out.size() * sizeof(float));
        TRY_VOID(process::answer(reply));
    }
}

}  // namespace

Result<> serve(const std::vector<std::string>& arguments, OpenEngine open) {
    TRY_VOID(process::begin_as_partner());
    TRY(const Asked asked, asked_of(arguments));
    Bytes packet;
    auto model = load_served(asked, open);
    if (!model) {
        put_text(packet, answer_bad, model.error().message);
        return process::answer(packet);
    }
    put_text(packet, answer_good,
             to_json(Json(JsonObject{{"input", shape_json((*model)->input())},
                                     {"output", shape_json((*model)->output())},
                                     {"input_size", (*model)->input_size()},
                                     {"output_size", (*model)->output_size()},
                                     {"engine", (*model)->engine()},
                                     {"remark", (*model)->remark()}})));
    TRY_VOID(process::answer(packet));
    return answer_all(**model);
}

}  // namespace mw::isolation
