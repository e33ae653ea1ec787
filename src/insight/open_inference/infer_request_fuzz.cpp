// Requests of strangers: whatever the bytes, an error or rows of the model's size.
#include "base/bytes.h"
#include "insight/open_inference/open_inference.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw;
    using namespace mw::open_inference;
    if (size < 2) return 0;
    Description model;
    model.name = "m";
    model.input = {"x", {1, 3}};
    model.output = {"y", {1, 2}};
    // The first two bytes say whether the body is binary, and where its JSON ends.
    std::optional<std::size_t> header;
    if (data[0] & 1) header = std::size_t{data[1]} * (1 + data[0] / 2);
    const std::string_view body = text_of(ByteView(data + 2, size - 2));
    const auto request = decode_request(body, header, model, {});
    if (!request) return 0;
    if (request->rows.values.size() != request->rows.count * 3) __builtin_trap();
    const std::vector<float> values(request->rows.count * 2, 0.5f);
    if (encode_response(*request, model, values).body.empty()) __builtin_trap();
    return 0;
}
