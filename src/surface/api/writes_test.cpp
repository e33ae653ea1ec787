#include "platform/gzip/gzip.h"
#include "surface/api/api_world.h"

namespace mw::api {
namespace {

using Rows = std::vector<std::string>;

class Writes : public ApiWorld {
 public:
    http::Response write(const std::string& lines, const std::string& more = "") {
        return call(post, "/api/v2/write?org=o&bucket=b" + more, lines);
    }
    std::string writer = user("gw-7", {"writer"});
};

TEST_F(Writes, lines_are_acknowledged_when_they_are_durable) {
    const auto answer = write("pump,host=gw-1 p=1.5,q=2i 7\npump,host=gw-2 p=3 8\n");
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(points.flushes, 1);
    EXPECT_EQ(points.take(), (Rows{"gw-1//0 pump.p@7=1.500000", "gw-1//0 pump.q@7=2.000000",
                                   "gw-2//0 pump.p@8=3.000000"}));
    EXPECT_EQ(write("pump,host=gw-1 p=1 7", "&precision=ms").status, 204);
    EXPECT_EQ(points.take(), Rows{"gw-1//0 pump.p@7000000=1.000000"});
    EXPECT_EQ(call(post, "/write?db=x&precision=s", "pump,host=gw-1 p=1 7").status, 204);
    EXPECT_EQ(points.take(), Rows{"gw-1//0 pump.p@7000000000=1.000000"});
    EXPECT_EQ(write("# nothing\n").status, 204);
    EXPECT_EQ(points.flushes, 3);
}

TEST_F(Writes, a_token_comes_in_any_scheme_of_influx_and_names_the_device_of_bare_lines) {
    const std::string basic = "Basic " + to_base64(bytes_of("anyone:" + writer));
    for (const std::string& scheme :
         {"Bearer " + writer, "Token " + writer, "Token me:" + writer, basic}) {
        auto asked = request(post, "/api/v2/write", "pump p=1 7", "");
        asked.headers.set("Authorization", scheme);
        EXPECT_EQ(send(std::move(asked)).status, 204) << scheme;
        EXPECT_EQ(points.take(), Rows{"gw-7//0 pump.p@7=1.000000"}) << scheme;
    }
    EXPECT_EQ(as(writer, post, "/api/v2/write?device=gw-9", "pump p=1 7").status, 204);
    EXPECT_EQ(points.take(), Rows{"gw-9//0 pump.p@7=1.000000"});
}

TEST_F(Writes, who_may_not_is_refused_in_the_shape_that_clients_read) {
    const auto none = as("", post, "/api/v2/write", "pump p=1 7");
    EXPECT_EQ(none.status, 401);
    EXPECT_EQ(text_at(none, "code"), "unauthorized");
    EXPECT_EQ(as("mwt_x_y", post, "/write", "pump p=1 7").status, 401);
    const auto viewer = as(user("vic", {"viewer"}), post, "/api/v2/write", "pump p=1 7");
    EXPECT_EQ(viewer.status, 403);
    EXPECT_EQ(text_at(viewer, "code"), "forbidden");
    EXPECT_EQ(as(user("vera", {"viewer"}), post, "/v1/points", "{}").status, 403);
    EXPECT_EQ(as(writer, post, "/v1/query", R"({"sql":"SELECT 1"})").status, 403);
    EXPECT_EQ(as("", post, "/api/v2/write", std::string(20'000, '#')).status, 413);
    EXPECT_TRUE(points.take().empty());
}

Batch measured(const std::string& device, std::uint64_t sequence, std::vector<double> values) {
    Batch batch;
    batch.device.text = device;
    batch.position.sequence = sequence;
    for (std::size_t i = 0; i < values.size(); ++i)
        batch.times.push_back({7 + static_cast<std::int64_t>(i)});
    batch.quality.assign(values.size(), Quality::good());
    batch.runs.push_back({"p", "bar", 0, static_cast<std::uint32_t>(values.size())});
    batch.values = std::move(values);
    return batch;
}

TEST_F(Writes, binary_batches_of_many_devices_come_in_one_body) {
    const auto send_batches = [&](const Bytes& bytes, const std::string& query) {
        auto asked = request(post, "/v1/points" + query, std::string(text_of(bytes)), writer);
        asked.headers.set("Content-Type", "application/vnd.millwright.points");
        return send(std::move(asked));
    };
    Bytes bytes;
    payload::encode_binary(measured("gw-1", 3, {1.5}), bytes);
    payload::encode_binary(measured("gw-2", 0, {2.5, 3}), bytes);
    EXPECT_EQ(send_batches(bytes, "").status, 204);
    EXPECT_EQ(points.take(), (Rows{"gw-1/http/user:gw-7/main/3 p@7=1.500000",
                                   "gw-2/http/user:gw-7/main/0 p@7=2.500000",
                                   "gw-2/http/user:gw-7/main/0 p@8=3.000000"}));
    EXPECT_EQ(points.flushes, 1);
    const auto foreign = send_batches(bytes, "?device=gw-2");
    EXPECT_EQ(foreign.status, 400);
    EXPECT_NE(foreign.body.find("'gw-1' is not the device that sends"), std::string::npos)
        << foreign.body;
    Bytes anonymous;
    payload::encode_binary(measured("", 0, {4}), anonymous, true);
    EXPECT_EQ(send_batches(anonymous, "").status, 400);
    EXPECT_EQ(send_batches(anonymous, "?device=gw-2").status, 204);
    EXPECT_EQ(points.take(), Rows{"gw-2/http/user:gw-7/main/0 p@7=4.000000"});
    bytes.resize(bytes.size() - 8);
    EXPECT_EQ(send_batches(bytes, "").status, 400);
}

TEST_F(Writes, what_is_bad_is_told_by_line_and_the_rest_is_stored) {
    const auto answer = write(
        "pump,host=a p=1 1\npump,host=a p=x 2\npump,host=stranger p=1 3\n"
        "pump,host=a s=\"text\",t=\"\xff\",p=4 4");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(text_at(answer, "code"), "invalid");
    EXPECT_EQ(find_integer(json(answer), "line"), 2);
    const std::string message = text_at(answer, "message");
    EXPECT_EQ(text_at(answer, "error"), message);
    for (const char* part :
         {"partial write: 3 points stored, 3 ", "line 2, column 15: want a number",
          "line 4, column 24: the text is not UTF-8", "device 'stranger' is not registered"})
        EXPECT_NE(message.find(part), std::string::npos) << part << "\n" << message;
    EXPECT_EQ(points.take().size(), 3U);
    EXPECT_EQ(points.flushes, 1);
    for (const char* more : {"&precision=year", "&u=me", "&presicion=s"})
        EXPECT_EQ(write("pump,host=a p=1 1", more).status, 400) << more;
    EXPECT_TRUE(points.take().empty());
}

TEST_F(Writes, gzip_is_unpacked_and_other_codings_are_refused) {
    std::string lines;
    for (int i = 0; i < 70'000; ++i) lines += "pump,host=a p=1 " + std::to_string(i) + "\n";
    auto asked = request(post, "/api/v2/write", gzip::pack(lines), admin);
    asked.headers.set("Content-Encoding", "gzip");
    EXPECT_EQ(send(asked).status, 204);
    EXPECT_EQ(points.take().size(), 70'000U);
    asked.body.resize(asked.body.size() / 2);
    EXPECT_EQ(send(asked).status, 400);
    asked.headers.set("Content-Encoding", "br");
    EXPECT_EQ(send(asked).status, 400);
}

TEST_F(Writes, storage_that_can_not_keep_up_pushes_back) {
    points.store_error = Error{Errc::overloaded, "the log is full"};
    const auto full = write("pump,host=a p=1 1");
    EXPECT_EQ(full.status, 429);
    EXPECT_EQ(full.headers.get("Retry-After"), "1");
    EXPECT_EQ(call(post, "/v1/points?device=a", R"({"signal":"p","t":1,"v":1})")
                  .headers.get("Retry-After"),
              "1");
    points.store_error.reset();
    points.flush_error = Error{Errc::io_failed, "no space left"};
    const auto broken = write("pump,host=a p=1 1");
    EXPECT_EQ(broken.status, 503);
    EXPECT_EQ(broken.headers.get("Retry-After"), "1");
    EXPECT_EQ(call(post, "/v1/points?device=a", R"({"signal":"p","t":1,"v":1})").status, 503);
}

TEST_F(Writes, json_points_have_a_stream_of_their_own) {
    const std::string body = R"({"seq":4,"t":7,"values":{"p":1.5,"q":2}})";
    EXPECT_EQ(call(post, "/v1/points?device=gw-1", body).status, 204);
    EXPECT_EQ(points.take(), (Rows{"gw-1/http/user:root/main/4 p@7=1.500000",
                                   "gw-1/http/user:root/main/4 q@7=2.000000"}));
    EXPECT_EQ(as(writer, post, "/v1/points?stream=hand", body).status, 204);
    EXPECT_EQ(points.take()[0], "gw-7/http/user:gw-7/hand/4 p@7=1.500000");
    for (const char* wrong :
         {"", "{", R"({"signal":"p","v":1})", R"({"signal":"p","t":1,"v":["x"]})"})
        EXPECT_EQ(call(post, "/v1/points?device=gw-1", wrong).status, 400) << wrong;
    EXPECT_EQ(call(post, "/v1/points?device=stranger", body).status, 400);
    EXPECT_EQ(call(post, "/v1/points?stream=", body).status, 400);
    EXPECT_EQ(call(post, "/v1/points?devise=a", body).status, 400);
}

TEST_F(Writes, clients_of_influx_find_what_they_ask_for_first) {
    EXPECT_EQ(as("", get, "/ping").status, 204);
    EXPECT_FALSE(as("", get, "/ping").headers.get("X-Influxdb-Version").empty());
    EXPECT_EQ(text_at(as("", get, "/health"), "status"), "pass");
    history = Error{Errc::io_failed, "the disk is gone"};
    EXPECT_EQ(as("", get, "/health").status, 503);
    EXPECT_EQ(call(post, "/query?q=CREATE%20DATABASE%20%22telegraf%22").status, 200);
    EXPECT_EQ(call(post, "/query", "q=CREATE+DATABASE+%22telegraf%22").status, 200);
    EXPECT_EQ(call(get, "/query?q=SELECT").status, 400);
    EXPECT_EQ(as("", post, "/query?q=CREATE%20DATABASE%20x").status, 401);
}

TEST_F(Writes, prometheus_is_answered_by_who_may_query) {
    const auto answer = call(get, "/api/v1/query?query=1%2B1&time=7");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(find_string(json(answer), "status"), "success");
    auto form = request(post, "/api/v1/query_range", "query=3&start=1&end=2&step=1", admin);
    form.headers.set("Content-Type", "application/x-www-form-urlencoded");
    const auto matrix = send(std::move(form));
    EXPECT_EQ(matrix.status, 200);
    EXPECT_NE(matrix.body.find(R"("values":[[1.000,"3"],[2.000,"3"]])"), std::string::npos)
        << matrix.body;
    const auto wrong = call(get, "/api/v1/query?query=topk(1,x)");
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(find_string(json(wrong), "errorType"), "bad_data");
    EXPECT_EQ(as(writer, get, "/api/v1/query?query=1").status, 403);
    EXPECT_EQ(as("", get, "/api/v1/query?query=1").status, 401);
    EXPECT_EQ(call(get, "/api/v1/status/buildinfo").status, 200);
    EXPECT_EQ(call(get, "/api/v1/label/device/values").status,
              500);  // this world's engine gives no rows
    EXPECT_EQ(query.last.actor, "user:root");
}

class FewWrites : public ApiWorld {
 public:
    FewWrites() : ApiWorld(few()) {}
    static Options few() {
        Options options;
        options.writes.waiting_bytes_max = 100;
        options.writes.body_bytes_max = 1'000;
        return options;
    }
};

TEST_F(FewWrites, bodies_that_wait_have_a_limit) {
    EXPECT_EQ(call(post, "/api/v2/write", "pump,host=a p=1 1").status, 204);
    EXPECT_EQ(call(post, "/api/v2/write", std::string(101, '#')).status, 429);
    EXPECT_EQ(call(post, "/api/v2/write", std::string(1'001, '#')).status, 413);
    EXPECT_EQ(call(post, "/api/v2/write", "pump,host=a p=1 1").status, 204);
    EXPECT_NE(metrics.expose().find("millwright_api_writes_pushed_back_total 1"),
              std::string::npos);
}

}  // namespace
}  // namespace mw::api
