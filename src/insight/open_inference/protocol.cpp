#include "insight/open_inference/protocol.h"

#include "base/number.h"

namespace mw::open_inference {
namespace {

constexpr const char* header_length = "Inference-Header-Content-Length";

Json tensor_facts(const inference::TensorShape& tensor, bool batches) {
    JsonArray shape(tensor.dims.begin(), tensor.dims.end());
    if (batches && !shape.empty() && tensor.dims[0] == 1) shape[0] = -1;
    return JsonObject{{"name", tensor.name}, {"datatype", "FP32"}, {"shape", std::move(shape)}};
}

Result<std::optional<std::size_t>> header_bytes_of(const http::Request& request) {
    const std::string_view text = request.headers.get(header_length);
    if (text.empty()) return std::optional<std::size_t>();
    std::size_t bytes = 0;
    if (!read_number(text, bytes))
        return Error{Errc::invalid_input, std::string(header_length) + " must be a whole number"};
    return std::optional(bytes);
}

}  // namespace

http::Response error_answer(const Error& error) {
    return http::Response::json(http::status_of(error.code), JsonObject{{"error", error.message}});
}

Protocol::Protocol(Models& models, ServerFacts facts, metrics::Registry& metrics, Limits limits)
    : models_(models),
      facts_(std::move(facts)),
      limits_(limits),
      requests_(metrics.counter("millwright_open_inference_requests_total",
                                "Inference requests that were answered.")),
      refused_(metrics.counter("millwright_open_inference_refused_total",
                               "Inference requests that were refused or failed.")),
      rows_(metrics.counter("millwright_open_inference_rows_total", "Rows that models ran on.")) {}

std::vector<Protocol::Route> Protocol::routes() {
    const auto answers = [](http::Response (Protocol::*make)() const, const Protocol* self) {
        return [make, self](http::Request) -> Task<http::Response> { co_return (self->*make)(); };
    };
    const auto health = [this](bool live) {
        return [this, live](http::Request) -> Task<http::Response> {
            const bool well = live || models_.ready();
            co_return http::Response::json(well ? 200 : 503,
                                           JsonObject{{live ? "live" : "ready", well}});
        };
    };
    std::vector<Route> all;
    all.push_back({http::Method::get, "/v2", answers(&Protocol::server, this), {}, true});
    all.push_back({http::Method::get, "/v2/health/live", health(true), {}, true});
    all.push_back({http::Method::get, "/v2/health/ready", health(false), {}, true});
    http::RouteOptions large;
    large.body_limit = limits_.body_bytes;
    for (const char* base : {"/v2/models/{name}", "/v2/models/{name}/versions/{version}"}) {
        const std::string at = base;
        all.push_back({http::Method::get,
                       at,
                       [this](http::Request request) { return metadata(std::move(request)); },
                       {},
                       false});
        all.push_back({http::Method::get,
                       at + "/ready",
                       [this](http::Request request) { return model_ready(std::move(request)); },
                       {},
                       false});
        all.push_back({http::Method::post, at + "/infer",
                       [this](http::Request request) { return infer(std::move(request)); }, large,
                       false});
    }
    return all;
}

void Protocol::add_to(http::Router& router) {
    for (Route& route : routes())
        router.add(route.method, route.pattern, std::move(route.handler), route.options);
}

http::Response Protocol::server() const {
    return http::Response::json(200, JsonObject{{"name", facts_.name},
                                                {"version", facts_.version},
                                                {"extensions", JsonArray{"binary_tensor_data"}}});
}

Task<http::Response> Protocol::metadata(http::Request request) {
    std::string name = request.param("name"), version = request.param("version");
    auto describing = models_.describe(std::move(name), std::move(version));
    const auto model = co_await std::move(describing);
    if (!model) co_return error_answer(model.error());
    JsonArray versions(model->versions.begin(), model->versions.end());
    const bool batches = model->batches();
    co_return http::Response::json(
        200, JsonObject{{"name", model->name},
                        {"versions", std::move(versions)},
                        {"platform", model->platform},
                        {"inputs", JsonArray{tensor_facts(model->input, batches)}},
                        {"outputs", JsonArray{tensor_facts(model->output, batches)}}});
}

Task<http::Response> Protocol::model_ready(http::Request request) {
    std::string name = request.param("name"), version = request.param("version");
    auto describing = models_.describe(std::move(name), std::move(version));
    const auto model = co_await std::move(describing);
    if (!model) co_return error_answer(model.error());
    co_return http::Response::json(200, JsonObject{{"name", model->name}, {"ready", true}});
}

Task<http::Response> Protocol::infer(http::Request request) {
    const auto refuse = [this](const Error& error) {
        refused_.add();
        return error_answer(error);
    };
    std::string name = request.param("name"), version = request.param("version");
    auto describing = models_.describe(name, version);
    const auto model = co_await std::move(describing);
    if (!model) co_return refuse(model.error());
    const auto header = header_bytes_of(request);
    if (!header) co_return refuse(header.error());
    auto asked = decode_request(request.body, *header, *model, limits_);
    if (!asked) co_return refuse(asked.error());
    const std::size_t count = asked->rows.count;
    Rows rows{count, std::move(asked->rows.values)};
    // The version that was described, should another come into use meanwhile.
    auto running = models_.run(model->name, model->version, std::move(rows));
    const auto values = co_await std::move(running);
    if (!values) co_return refuse(values.error());
    requests_.add();
    rows_.add(count);
    Encoded encoded = encode_response(*asked, *model, *values);
    auto response = http::Response::text(
        200, std::move(encoded.body),
        encoded.header_bytes ? "application/octet-stream" : "application/json");
    if (encoded.header_bytes)
        response.headers.set(header_length, std::to_string(*encoded.header_bytes));
    co_return std::move(response);
}

}  // namespace mw::open_inference
