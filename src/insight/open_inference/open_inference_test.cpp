#include "insight/open_inference/open_inference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace mw::open_inference {
namespace {

Description pump_model() {
    Description model;
    model.name = "pump";
    model.version = "3";
    model.versions = {"3"};
    model.platform = "native portable";
    model.input = {"x", {1, 2}};
    model.output = {"y", {1, 1}};
    return model;
}

std::string floats(std::initializer_list<float> values) {
    std::string bytes(values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), values.begin(), bytes.size());
    return bytes;
}

std::string infer_body(const std::string& shape, const std::string& data) {
    return R"({"inputs":[{"name":"x","shape":)" + shape + R"(,"datatype":"FP32","data":)" + data +
           "}]}";
}

Result<InferRequest> decoded(const std::string& body, std::optional<std::size_t> header = {}) {
    return decode_request(body, header, pump_model(), {});
}

TEST(InferRequest, takes_nested_and_flat_numbers_in_row_major_order) {
    for (const char* data : {"[1,2.5,3,4]", "[[1,2.5],[3,4]]", "[[[1,2.5]],[3,4]]"}) {
        const auto request = decoded(infer_body("[2,2]", data));
        ASSERT_TRUE(request) << request.error().message;
        EXPECT_EQ(request->rows.count, 2u);
        EXPECT_EQ(request->rows.values, (std::vector<float>{1, 2.5, 3, 4}));
        EXPECT_FALSE(request->binary_output);
    }
}

TEST(InferRequest, takes_binary_tensors_bit_by_bit) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::string json = R"({"id":"7","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32",)"
                             R"("parameters":{"binary_data_size":8}}],)"
                             R"("outputs":[{"name":"y","parameters":{"binary_data":true}}]})";
    const auto request = decoded(json + floats({nan, -0.0f}), json.size());
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(request->id, "7");
    EXPECT_TRUE(request->binary_output);
    EXPECT_TRUE(std::isnan(request->rows.values[0]));
    EXPECT_TRUE(std::signbit(request->rows.values[1]));
}

TEST(InferRequest, says_what_is_wrong) {
    const std::string binary = R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32",)"
                               R"("parameters":{"binary_data_size":8}}]})";
    const struct {
        std::string body;
        std::optional<std::size_t> header;
        const char* says;
    } rows[] = {
        {"{", {}, "line 1"},
        {"[]", {}, "an object"},
        {R"({"inputs":[]})", {}, "one input, 'x'"},
        {R"({"inputs":[{"name":"z"}]})", {}, "not 'z'"},
        {R"({"inputs":[{"name":"x","datatype":"INT8"}]})", {}, "FP32, got 'INT8'"},
        {infer_body("[1,3]", "[1,2,3]"), {}, "wants shape [-1,2], got [1,3]"},
        {infer_body("[2]", "[1,2]"), {}, "wants shape [-1,2], got [2]"},
        {infer_body("[0,2]", "[]"), {}, "1 to 1024 rows"},
        {infer_body("[1025,2]", "[]"), {}, "1 to 1024 rows"},
        {infer_body("[-1,2]", "[1,2]"), {}, "'shape'"},
        {infer_body("[1.5,2]", "[1,2]"), {}, "'shape'"},
        {infer_body("[15101912594054682420,2]", "[1,2]"), {}, "'shape'"},
        {infer_body("[1,2]", "[1]"), {}, "1 numbers, its shape says 2"},
        {infer_body("[1,2]", "[1,2,3]"), {}, "more numbers"},
        {infer_body("[1,2]", "[1,true]"), {}, "must be numbers"},
        {infer_body("[1,2]", "[1,1e39]"), {}, "too large for a float"},
        {infer_body("[1,2]", "[[[[[[[[[1,2]]]]]]]]]"), {}, "nested"},
        {infer_body("[1,2]", "[1,2]") + "x", infer_body("[1,2]", "[1,2]").size(), "bytes follow"},
        {binary, 1000, "the body has"},
        {binary + "1234", binary.size(), "want 8 bytes"},
        {R"({"id":7,"inputs":[]})", {}, "'id'"},
        {R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32"}]})", {}, "needs 'data'"},
    };
    for (const auto& row : rows) {
        const auto request = decoded(row.body, row.header);
        ASSERT_FALSE(request) << row.body;
        EXPECT_EQ(request.error().code, Errc::invalid_input);
        EXPECT_NE(request.error().message.find(row.says), std::string::npos)
            << row.body << ": " << request.error().message;
    }
}

TEST(InferResponse, has_the_rows_as_its_first_dimension) {
    auto request = *decoded(infer_body("[2,2]", "[1,2,3,4]"));
    request.id = "a";
    const float values[] = {0.1f, std::numeric_limits<float>::infinity()};
    const Encoded json = encode_response(request, pump_model(), values);
    EXPECT_FALSE(json.header_bytes);
    const Json body = *parse_json(json.body);
    EXPECT_EQ(find_string(body, "model_name"), "pump");
    EXPECT_EQ(find_string(body, "model_version"), "3");
    EXPECT_EQ(find_string(body, "id"), "a");
    const Json& output = body.at("outputs").at(0);
    EXPECT_EQ(to_json(output.at("shape")), "[2,1]");
    EXPECT_EQ(static_cast<float>(output.at("data").at(0).as_double()), 0.1f);
    EXPECT_TRUE(output.at("data").at(1).is_null());
    request.binary_output = true;
    const Encoded binary = encode_response(request, pump_model(), values);
    ASSERT_TRUE(binary.header_bytes);
    EXPECT_EQ(binary.body.substr(*binary.header_bytes),
              floats({0.1f, std::numeric_limits<float>::infinity()}));
    EXPECT_EQ(
        find_integer(parse_json(binary.body.substr(0, *binary.header_bytes))->at("outputs").at(0),
                     "parameters.binary_data_size"),
        8);
}

class SumModel final : public inference::Model {
 public:
    const inference::TensorShape& input() const override { return input_; }
    const inference::TensorShape& output() const override { return output_; }
    std::size_t input_size() const override { return 2; }
    std::size_t output_size() const override { return 1; }
    Result<void> run(std::span<const float> in, std::span<float> out) override {
        if (in[0] < 0) return Error{Errc::invalid_input, "negative"};
        out[0] = in[0] + in[1];
        return {};
    }

 private:
    inference::TensorShape input_{"x", {1, 2}}, output_{"y", {1, 1}};
};

class OneModel final : public Models {
 public:
    bool is_ready = true;
    bool ready() const override { return is_ready; }
    Task<Description> describe(std::string model, std::string version) override {
        if (model != "pump" || (!version.empty() && version != "3"))
            co_return Error{Errc::not_found, "no model '" + model + "'"};
        co_return pump_model();
    }
    Task<std::vector<float>> run(std::string, std::string, Rows rows) override {
        SumModel model;
        co_return run_rows(model, rows);
    }
};

class OverHttp : public testing::Test {
 protected:
    OverHttp() {
        http::Router router;
        protocol_.add_to(router);
        server_ = http::Server::open(*loop_, {}, std::move(router)).value();
        http::ClientOptions to;
        to.server.host = "127.0.0.1";
        to.server.port = server_->address().port;
        client_ = std::make_unique<http::Client>(*loop_, to);
    }
    ~OverHttp() override {
        client_.reset();
        ignore(sync_wait(*loop_, server_->stop()), "the test is over");
    }
    http::Response ask(http::Method method, std::string path, std::string body = {},
                       http::Headers headers = {}) {
        http::Request request;
        request.method = method;
        request.path = std::move(path);
        request.body = std::move(body);
        request.headers = std::move(headers);
        auto response = sync_wait(*loop_, client_->request(std::move(request)));
        EXPECT_TRUE(response) << response.error().message;
        return response ? std::move(*response) : http::Response{};
    }
    http::Response get(std::string path) { return ask(http::Method::get, std::move(path)); }

    std::unique_ptr<Loop> loop_ = Loop::open().value();
    OneModel models_;
    metrics::Registry metrics_;
    Protocol protocol_{models_, {"millwright", "0.1.0"}, metrics_};
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<http::Client> client_;
};

TEST_F(OverHttp, says_what_it_is_and_whether_it_is_ready) {
    EXPECT_EQ(get("/v2").body,
              R"({"name":"millwright","version":"0.1.0","extensions":["binary_tensor_data"]})");
    EXPECT_EQ(get("/v2/health/live").status, 200);
    EXPECT_EQ(get("/v2/health/ready").status, 200);
    EXPECT_EQ(get("/v2/models/pump/ready").status, 200);
    EXPECT_EQ(get("/v2/models/pump/versions/3/ready").status, 200);
    EXPECT_EQ(get("/v2/models/pump/versions/4/ready").status, 404);
    models_.is_ready = false;
    EXPECT_EQ(get("/v2/health/ready").status, 503);
    EXPECT_EQ(get("/v2/health/live").status, 200);
}

TEST_F(OverHttp, describes_a_model_as_the_protocol_does) {
    EXPECT_EQ(get("/v2/models/pump").body,
              R"({"name":"pump","versions":["3"],"platform":"native portable",)"
              R"("inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],)"
              R"("outputs":[{"name":"y","datatype":"FP32","shape":[-1,1]}]})");
    const auto missing = get("/v2/models/other");
    EXPECT_EQ(missing.status, 404);
    EXPECT_EQ(missing.body, R"({"error":"no model 'other'"})");
}

TEST_F(OverHttp, infers_in_json_and_in_binary) {
    const auto json =
        ask(http::Method::post, "/v2/models/pump/infer", infer_body("[2,2]", "[1,2,3,4.5]"));
    EXPECT_EQ(json.status, 200) << json.body;
    EXPECT_EQ(json.body, R"({"model_name":"pump","model_version":"3","outputs":[{"name":"y",)"
                         R"("datatype":"FP32","shape":[2,1],"data":[3.0,7.5]}]})");
    const std::string head =
        R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32",)"
        R"("parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}})";
    const auto binary =
        ask(http::Method::post, "/v2/models/pump/versions/3/infer", head + floats({1, 2}),
            {{"Inference-Header-Content-Length", std::to_string(head.size())}});
    EXPECT_EQ(binary.status, 200);
    EXPECT_EQ(binary.headers.get("Content-Type"), "application/octet-stream");
    const auto split =
        std::stoul(std::string(binary.headers.get("Inference-Header-Content-Length")));
    EXPECT_EQ(binary.body.substr(split), floats({3}));
    EXPECT_NE(metrics_.expose().find("millwright_open_inference_rows_total 3"), std::string::npos);
}

TEST_F(OverHttp, refuses_with_the_reason_and_counts_it) {
    const auto refused =
        ask(http::Method::post, "/v2/models/pump/infer", infer_body("[1,2]", "[-1,2]"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.body, R"({"error":"row 0: negative"})");
    EXPECT_EQ(ask(http::Method::post, "/v2/models/other/infer", "{}").status, 404);
    EXPECT_EQ(ask(http::Method::post, "/v2/models/pump/infer", "{}",
                  {{"Inference-Header-Content-Length", "-1"}})
                  .status,
              400);
    EXPECT_NE(metrics_.expose().find("millwright_open_inference_refused_total 3"),
              std::string::npos);
}

}  // namespace
}  // namespace mw::open_inference
