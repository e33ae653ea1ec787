#include "insight/open_inference/tensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/bytes.h"
#include "base/json.h"

namespace mw::open_inference {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are little-endian on the wire");
constexpr std::string_view datatype = "FP32";
constexpr std::size_t nesting_max = 8;

Error bad_request(std::string what) { return {Errc::invalid_input, std::move(what)}; }

std::string shape_text(std::span<const std::int64_t> shape) {
    std::string text = "[";
    for (const std::int64_t size : shape) {
        if (text.size() > 1) text += ',';
        text += size < 0 ? "-1" : std::to_string(size);
    }
    return text + "]";
}

// Numbers of `data`, nested to whatever depth or flat. JSON has neither NaN nor infinity; what is
// too large for a float is an error and not infinity.
Result<> take_numbers(const Json& data, std::vector<float>& into, std::size_t most,
                      std::size_t depth) {
    if (data.is_array()) {
        if (depth == nesting_max) return bad_request("'data' is nested too deep");
        for (const Json& each : data.get_array())
            TRY_VOID(take_numbers(each, into, most, depth + 1));
        return {};
    }
    if (!data.is_number())
        return bad_request("'data' must be numbers, for " + std::string(datatype));
    if (into.size() == most)
        return bad_request("'data' has more numbers than its shape says: " + std::to_string(most));
    const auto value = static_cast<float>(data.to_number<double>());
    if (!std::isfinite(value))
        return bad_request("'data' has a number that is too large for a float");
    into.push_back(value);
    return {};
}

Result<std::vector<std::int64_t>> shape_of(const Json& input) {
    const Json* shape = find(input, "shape");
    const Error wrong =
        bad_request("'shape' must be a list of whole numbers that are not negative");
    if (!shape || !shape->is_array() || shape->get_array().size() > nesting_max) return wrong;
    std::vector<std::int64_t> dims;
    for (const Json& each : shape->get_array()) {
        // What does not fit is a uint64 of Boost's.
        if (!each.is_int64()) return wrong;
        const std::int64_t size = each.get_int64();
        if (size < 0 || size > std::numeric_limits<std::int32_t>::max()) return wrong;
        dims.push_back(size);
    }
    return dims;
}

// How many rows of the model a tensor of this shape is.
Result<std::size_t> rows_of(std::span<const std::int64_t> shape, const Description& model,
                            const Limits& limits) {
    std::vector<std::int64_t> wanted = model.input.dims;
    const bool same_rest = shape.size() == wanted.size() && !shape.empty() &&
                           std::equal(shape.begin() + 1, shape.end(), wanted.begin() + 1);
    if (std::equal(shape.begin(), shape.end(), wanted.begin(), wanted.end())) return 1u;
    if (model.batches()) wanted[0] = -1;
    if (!model.batches() || !same_rest)
        return bad_request("input '" + model.input.name + "' wants shape " + shape_text(wanted) +
                           ", got " + shape_text(shape));
    const auto rows = static_cast<std::size_t>(shape[0]);
    if (rows == 0 || rows > limits.rows)
        return bad_request("a batch has 1 to " + std::to_string(limits.rows) + " rows, got " +
                           std::to_string(rows));
    return rows;
}

Result<std::vector<float>> values_of(const Json& input, std::string_view binary,
                                     std::size_t elements) {
    std::vector<float> values;
    const Json* size = find(input, "parameters.binary_data_size");
    const Json* data = find(input, "data");
    if (size) {
        const auto bytes = find_integer(input, "parameters.binary_data_size");
        const std::size_t wanted = elements * sizeof(float);
        if (data) return bad_request("an input has 'data' or 'binary_data_size', not both");
        if (!bytes || *bytes < 0 || static_cast<std::size_t>(*bytes) != wanted ||
            binary.size() != wanted)
            return bad_request("want " + std::to_string(wanted) + " bytes of binary data, " +
                               to_json(*size) + " announced, got " + std::to_string(binary.size()));
        values.resize(elements);
        std::memcpy(values.data(), binary.data(), wanted);
        return values;
    }
    if (!data) return bad_request("an input needs 'data', or 'binary_data_size' in 'parameters'");
    if (!binary.empty()) return bad_request("bytes follow the JSON, and no input announced them");
    TRY_VOID(take_numbers(*data, values, elements, 0));
    if (values.size() != elements)
        return bad_request("'data' has " + std::to_string(values.size()) +
                           " numbers, its shape says " + std::to_string(elements));
    return values;
}

Result<> read_outputs(const Json& value, const Description& model, InferRequest& request) {
    request.binary_output = find_bool(value, "parameters.binary_data_output").value_or(false);
    const Json* outputs = find(value, "outputs");
    if (!outputs) return {};
    if (!outputs->is_array()) return bad_request("'outputs' must be a list");
    for (const Json& output : outputs->get_array()) {
        const auto name = find_string(output, "name");
        if (name != model.output.name)
            return bad_request("the model has one output, '" + model.output.name + "', not '" +
                               name.value_or("") + "'");
        request.binary_output =
            find_bool(output, "parameters.binary_data").value_or(request.binary_output);
    }
    return {};
}

}  // namespace

Result<InferRequest> decode_request(std::string_view body, std::optional<std::size_t> header_bytes,
                                    const Description& model, const Limits& limits) {
    if (header_bytes && *header_bytes > body.size())
        return bad_request("Inference-Header-Content-Length is " + std::to_string(*header_bytes) +
                           ", the body has " + std::to_string(body.size()) + " bytes");
    const std::string_view head = body.substr(0, header_bytes.value_or(body.size()));
    TRY(const Json value, parse_json(head));
    if (!value.is_object()) return bad_request("want an object with 'inputs'");
    InferRequest request;
    if (const Json* id = find(value, "id")) {
        if (!id->is_string()) return bad_request("'id' must be text");
        request.id = std::string(id->get_string());
    }
    const Json* inputs = find(value, "inputs");
    if (!inputs || !inputs->is_array() || inputs->get_array().size() != 1)
        return bad_request("want one input, '" + model.input.name + "'");
    const Json& input = inputs->get_array()[0];
    if (find_string(input, "name") != model.input.name)
        return bad_request("the model has one input, '" + model.input.name + "', not '" +
                           find_string(input, "name").value_or("") + "'");
    if (find_string(input, "datatype") != datatype)
        return bad_request("input '" + model.input.name + "' is FP32, got '" +
                           find_string(input, "datatype").value_or("") + "'");
    TRY(request.shape, shape_of(input));
    TRY(request.rows.count, rows_of(request.shape, model, limits));
    std::size_t elements = request.rows.count;
    for (std::size_t i = model.batches() ? 1 : 0; i < model.input.dims.size(); ++i)
        elements *= static_cast<std::size_t>(model.input.dims[i]);
    TRY(request.rows.values, values_of(input, body.substr(head.size()), elements));
    TRY_VOID(read_outputs(value, model, request));
    return request;
}

Encoded encode_response(const InferRequest& request, const Description& model,
                        std::span<const float> values) {
    std::vector<std::int64_t> shape = model.output.dims;
    const auto rows = static_cast<std::int64_t>(request.rows.count);
    if (model.batches() && !shape.empty() && shape[0] == 1)
        shape[0] = rows;
    else if (rows > 1)
        shape.insert(shape.begin(), rows);
    JsonArray dims(shape.begin(), shape.end());
    JsonObject output{
        {"name", model.output.name}, {"datatype", datatype}, {"shape", std::move(dims)}};
    if (request.binary_output) {
        output["parameters"] = JsonObject{{"binary_data_size", values.size_bytes()}};
    } else {
        JsonArray data;
        data.reserve(values.size());
        // JSON has no NaN and no infinity; who needs them asks for binary data.
        for (const float value : values)
            data.emplace_back(std::isfinite(value) ? Json(static_cast<double>(value)) : Json());
        output["data"] = std::move(data);
    }
    JsonObject body{{"model_name", model.name}, {"model_version", model.version}};
    if (!request.id.empty()) body["id"] = request.id;
    body["outputs"] = JsonArray{std::move(output)};
    Encoded encoded;
    encoded.body = to_json(body);
    if (!request.binary_output) return encoded;
    encoded.header_bytes = encoded.body.size();
    const auto* bytes = reinterpret_cast<const char*>(values.data());
    encoded.body.append(bytes, values.size_bytes());
    return encoded;
}

Result<std::vector<float>> run_rows(inference::Model& model, const Rows& rows) {
    if (rows.values.size() != rows.count * model.input_size())
        return Error{Errc::invalid_input, "the rows have another size than the model's input"};
    std::vector<float> out(rows.count * model.output_size());
    for (std::size_t i = 0; i < rows.count; ++i) {
        const std::span<const float> row(rows.values.data() + i * model.input_size(),
                                         model.input_size());
        const std::span<float> into(out.data() + i * model.output_size(), model.output_size());
        TRY_VOID(model.run(row, into).context("row " + std::to_string(i)));
    }
    return out;
}

}  // namespace mw::open_inference
