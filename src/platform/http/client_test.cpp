// Client against server, over loopback.
#include <gtest/gtest.h>

#include "platform/http/http.h"

namespace mw::http {
namespace {

class ZeroSource final : public ByteSource {
 public:
    explicit ZeroSource(std::uint64_t size) : size_(size) {}
    std::uint64_t size() const override { return size_; }
    Task<Bytes> read(std::uint64_t offset, std::size_t most) override {
        Bytes bytes(most);
        for (std::size_t i = 0; i < most; ++i) bytes[i] = static_cast<std::uint8_t>(offset + i);
        co_return bytes;
    }

 private:
    std::uint64_t size_;
};

class HttpClient : public testing::Test {
 protected:
    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<Server> server = *Server::open(*loop, {}, router());
    Client client{*loop, options()};

    ClientOptions options() {
        ClientOptions o;
        o.server = {.host = "127.0.0.1", .port = server->address().port};
        o.limit = minutes(2);
        o.headers.set("Authorization", "Bearer secret");
        return o;
    }
    static Router router() {
        Router r;
        r.add(Method::post, "/echo/{name}",
              [](Request q) -> Task<Response> {
                  Response response = Response::text(201, q.body);
                  response.headers.set("X-Name", q.param("name"));
                  response.headers.set("X-Query", q.query_value("q").value_or("none"));
                  response.headers.set("X-Token", std::string(q.bearer_token()));
                  co_return response;
              },
              {.body_limit = 20 << 20});
        r.add(Method::get, "/file", [](Request q) -> Task<Response> {
            auto source = std::make_unique<ZeroSource>(10'000'000);
            co_return download(q, std::move(source), "application/octet-stream");
        });
        r.add(Method::get, "/events", [](Request) -> Task<Response> {
            auto produce = [](EventWriter& to) -> Task<> {
                CO_TRY_VOID(co_await to.keep_alive());
                for (int i = 1; i <= 3; ++i) {
                    ServerEvent event{.data = "line " + std::to_string(i) + "\nsecond",
                                      .event = "change",
                                      .id = std::to_string(i)};
                    CO_TRY_VOID(co_await to.send(std::move(event)));
                }
                co_return Result<>{};
            };
            co_return event_stream(std::move(produce));
        });
        r.add(Method::get, "/close", [](Request) -> Task<Response> {
            Response response = Response::text(200, "bye");
            co_return response;
        });
        r.add(Method::get, "/denied", [](Request) -> Task<Response> {
            co_return Error{Errc::denied, "not yours"};
        });
        r.add(Method::get, "/silent", [](Request) -> Task<Response> {
            CO_TRY_VOID(co_await sleep_for(hours(1)));
            co_return Response{};
        });
        return r;
    }
    Result<Response> ask(Method method, std::string path, std::string body = "") {
        Request request;
        request.method = method;
        request.path = std::move(path);
        request.query.emplace_back("q", "a b&c");
        request.body = std::move(body);
        return sync_wait(*loop, client.request(std::move(request)));
    }
};

TEST_F(HttpClient, sends_and_receives_everything) {
    auto response = ask(Method::post, "/echo/pump 7", "body");
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->body, "body");
    EXPECT_EQ(response->headers.get("x-name"), "pump 7");
    EXPECT_EQ(response->headers.get("x-query"), "a b&c");
    EXPECT_EQ(response->headers.get("x-token"), "secret");
}

TEST_F(HttpClient, keeps_its_connection) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(ask(Method::post, "/echo/x", "y").ok());
    EXPECT_EQ(server->counters().requests, 5u);
    EXPECT_EQ(server->counters().connections, 1u);
}

TEST_F(HttpClient, asks_again_when_a_kept_connection_was_closed) {
    ASSERT_TRUE(ask(Method::post, "/echo/x").ok());
    auto port = server->address().port;
    ASSERT_TRUE(sync_wait(*loop, server->stop()).ok());
    ServerOptions again;
    again.listen.port = port;
    server = *Server::open(*loop, again, router());
    auto response = ask(Method::post, "/echo/x", "once more");
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->body, "once more");
}

TEST_F(HttpClient, carries_megabytes_both_ways) {
    std::string large(15'000'000, 'z');
    for (std::size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>('a' + i % 26);
    auto response = ask(Method::post, "/echo/x", large);
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_TRUE(response->body == large);
}

TEST_F(HttpClient, a_body_over_the_limit_is_answered_with_413) {
    auto response = ask(Method::post, "/echo/x", std::string(30 << 20, 'z'));
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->status, 413);
}

TEST_F(HttpClient, downloads_in_pieces_and_resumes_with_range) {
    auto fetch = [&]() -> Task<std::uint64_t> {
        Request request;
        request.path = "/file";
        request.headers.set("Range", "bytes=9000000-");
        CO_TRY(auto incoming, co_await client.open(std::move(request)));
        EXPECT_EQ(incoming->head().status, 206);
        std::uint64_t got = 0;
        for (;;) {
            CO_TRY(auto piece, co_await incoming->read());
            if (piece.empty()) break;
            if (got == 0) {
                EXPECT_EQ(static_cast<std::uint8_t>(piece[0]), 9'000'000 % 256);
            }
            got += piece.size();
        }
        co_return got;
    };
    EXPECT_EQ(*sync_wait(*loop, fetch()), 1'000'000u);
    auto whole = ask(Method::get, "/file");
    ASSERT_TRUE(whole.ok()) << whole.error().message;
    EXPECT_EQ(whole->body.size(), 10'000'000u);
    EXPECT_EQ(server->counters().connections, 1u);  // the same one
}

TEST_F(HttpClient, reads_events) {
    auto follow = [&]() -> Task<std::string> {
        Request request;
        request.path = "/events";
        CO_TRY(auto incoming, co_await client.open(std::move(request)));
        std::string all;
        for (;;) {
            CO_TRY(auto event, co_await incoming->read_event());
            if (!event) break;
            all += event->id + ":" + event->event + ":" + event->data + ";";
        }
        co_return all;
    };
    EXPECT_EQ(*sync_wait(*loop, follow()),
              "1:change:line 1\nsecond;2:change:line 2\nsecond;3:change:line 3\nsecond;");
}

TEST_F(HttpClient, head_has_no_body_to_wait_for) {
    auto response = ask(Method::head, "/file");
    ASSERT_TRUE(response.ok());
    EXPECT_EQ(response->headers.get("Content-Length"), "10000000");
    EXPECT_TRUE(response->body.empty());
    EXPECT_TRUE(ask(Method::post, "/echo/x").ok());
}

TEST_F(HttpClient, turns_a_refusal_into_our_error) {
    auto response = ask(Method::get, "/denied");
    ASSERT_TRUE(response.ok());
    auto outcome = expect_success(*std::move(response));
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Errc::denied);
    EXPECT_EQ(outcome.error().message, "not yours");
}

TEST_F(HttpClient, stops_waiting_at_its_limit) {
    Request request;
    request.path = "/silent";
    auto outcome = sync_wait(*loop, within(milliseconds(20), client.request(std::move(request))));
    EXPECT_EQ(outcome.error().code, Errc::timed_out);
}

TEST_F(HttpClient, refuses_a_response_that_is_too_large) {
    ClientOptions small = options();
    small.body_limit = 1000;
    Client careful(*loop, small);
    Request request;
    request.path = "/file";
    auto outcome = sync_wait(*loop, careful.request(std::move(request)));
    EXPECT_EQ(outcome.error().code, Errc::overloaded);
}

TEST_F(HttpClient, names_the_server_that_is_not_there) {
    ASSERT_TRUE(sync_wait(*loop, server->stop()).ok());
    auto outcome = ask(Method::get, "/x");
    ASSERT_FALSE(outcome.ok());
    EXPECT_NE(outcome.error().message.find("nobody listens"), std::string::npos)
        << outcome.error().message;
}

// Servers that answer with nonsense.
struct NonsenseRow {
    const char* name;
    const char* text;
};
class NonsenseResponse : public testing::TestWithParam<NonsenseRow> {};
TEST_P(NonsenseResponse, is_an_error_and_never_a_part_of_the_truth) {
    auto loop = *Loop::open();
    auto listener = *net::Listener::open(*loop, {});
    Scope scope(*loop);
    auto serve = [&]() -> Task<> {
        CO_TRY(auto stream, co_await listener->accept());
        CO_TRY_VOID(co_await stream->read());
        CO_TRY_VOID(stream->write(GetParam().text));
        stream->finish();
        CO_TRY_VOID(co_await stream->flush());
        co_return Result<>{};
    };
    scope.spawn(serve());
    ClientOptions options;
    options.server = {.host = "127.0.0.1", .port = listener->address().port};
    Client client(*loop, options);
    Request request;
    request.path = "/x";
    auto outcome = sync_wait(*loop, within(seconds(5), client.request(std::move(request))));
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Errc::io_failed) << outcome.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Rows, NonsenseResponse,
    testing::Values(
        NonsenseRow{"nothing", ""}, NonsenseRow{"noise", "hello\r\n\r\n"},
        NonsenseRow{"half_head", "HTTP/1.1 200 OK\r\nContent-Le"},
        NonsenseRow{"short_body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
        NonsenseRow{"cut_chunks",
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
        NonsenseRow{"bad_chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace mw::http
