// The server against raw text, in virtual time over streams in memory.
#include <gtest/gtest.h>

#include "platform/http/http.h"

namespace mw::http {
namespace {

class TextSource final : public ByteSource {
 public:
    explicit TextSource(std::string text) : text_(std::move(text)) {}
    std::uint64_t size() const override { return text_.size(); }
    Task<Bytes> read(std::uint64_t offset, std::size_t most) override {
        auto part = std::string_view(text_).substr(offset, most);
        co_return Bytes(part.begin(), part.end());
    }

 private:
    std::string text_;
};

class HttpServer : public testing::Test {
 protected:
    SimulatedClock clock;
    std::unique_ptr<Loop> loop = *Loop::open({.simulated = &clock});
    Event produced;
    bool producer_cancelled = false, handler_cancelled = false;
    int handlers_ended = 0;
    std::unique_ptr<Server> server = *Server::open(*loop, {}, router());
    std::unique_ptr<net::Stream> client;

    Router router() {
        Router r;
        r.add(Method::get, "/hello/{name}", [](Request q) -> Task<Response> {
            co_return Response::text(200, "hello " + q.param("name"));
        });
        r.add(Method::post, "/echo",
              [](Request q) -> Task<Response> { co_return Response::text(200, q.body); },
              {.body_limit = 100});
        r.add(Method::get, "/fails", [](Request) -> Task<Response> {
            co_return Error{Errc::conflict, "somebody was faster"};
        });
        r.add(Method::get, "/slow",
              [](Request) -> Task<Response> {
                  CO_TRY_VOID(co_await sleep_for(minutes(10)));
                  co_return Response{};
              },
              {.limit = seconds(20)});
        r.add(Method::get, "/pause", [](Request) -> Task<Response> {
            CO_TRY_VOID(co_await sleep_for(seconds(2)));
            co_return Response::text(200, "done");
        });
        r.add(Method::get, "/for-you",
              [this](Request) -> Task<Response> {
                  auto waited = co_await sleep_for(seconds(5));
                  handler_cancelled = !waited;
                  ++handlers_ended;
                  if (!waited) co_return waited.error();
                  co_return Response::text(200, "at last");
              },
              {.limit = seconds(20), .ends_with_client = true});
        r.add(Method::get, "/pieces", [](Request) -> Task<Response> {
            auto produce = [](BodyWriter& to) -> Task<> {
                CO_TRY_VOID(co_await to.write("one"));
                CO_TRY_VOID(co_await sleep_for(seconds(1)));
                co_return co_await to.write("two");
            };
            co_return streamed("text/plain", std::move(produce));
        });
        r.add(Method::get, "/breaks", [](Request) -> Task<Response> {
            auto produce = [](BodyWriter& to) -> Task<> {
                CO_TRY_VOID(co_await to.write("part"));
                co_return Error{Errc::io_failed, "the disk is gone"};
            };
            co_return streamed("text/plain", std::move(produce));
        });
        r.add(Method::get, "/events", [this](Request) -> Task<Response> {
            auto produce = [this](EventWriter& to) -> Task<> {
                ServerEvent first{.data = "hi", .id = "1"};
                CO_TRY_VOID(co_await to.send(std::move(first)));
                auto forever = co_await produced.wait();
                producer_cancelled = !forever;
                co_return forever;
            };
            co_return event_stream(std::move(produce));
        });
        r.add(Method::get, "/file", [](Request q) -> Task<Response> {
            auto source = std::make_unique<TextSource>("0123456789");
            co_return download(q, std::move(source), "text/plain", "tag");
        });
        return r;
    }
    void open(net::FakeStreamOptions options = {}) {
        auto pair = net::make_stream_pair(*loop, options);
        client = std::move(pair.first);
        server->serve(std::move(pair.second));
    }
    // Everything the server says until it ends or is silent for a second of virtual time.
    std::string talk(std::string_view text, nanoseconds patience = seconds(1)) {
        if (!client) open();
        EXPECT_TRUE(client->write(text).ok());
        return listen(patience);
    }
    std::string listen(nanoseconds patience = seconds(1)) {
        auto read = [&]() -> Task<std::string> {
            std::string all;
            for (;;) {
                auto bytes = co_await within(patience, client->read());
                if (!bytes) break;
                if (bytes->empty()) {
                    all += "<end>";
                    break;
                }
                all += text_of(*bytes);
            }
            co_return all;
        };
        return *sync_wait(*loop, read());
    }
    static int count(std::string_view text, std::string_view part) {
        int n = 0;
        for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
        return n;
    }
};

#define HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(HttpServer, answers_and_keeps_the_connection) {
    auto first = talk("GET /hello/pump%207 HTTP/1.1\r\nHost: h\r\n\r\n");
    HAS(first, "HTTP/1.1 200 OK\r\n");
    HAS(first, "Content-Length: 12\r\n");
    HAS(first, "\r\n\r\nhello pump 7");
    HAS(talk("GET /hello/again HTTP/1.1\r\nHost: h\r\n\r\n"), "hello again");
    EXPECT_EQ(server->counters().requests, 2u);
    EXPECT_EQ(server->counters().by_status[2], 2u);
}

TEST_F(HttpServer, understands_a_request_that_comes_byte_by_byte) {
    open({.chunk = 1});
    auto said = talk(
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n");
    HAS(said, "\r\n\r\nabcdefg");
}

TEST_F(HttpServer, answers_pipelined_requests_in_order) {
    auto said = talk(
        "GET /hello/a HTTP/1.1\r\nHost: h\r\n\r\n"
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"
        "GET /hello/c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(count(said, "HTTP/1.1 200 OK"), 3);
    EXPECT_LT(said.find("hello a"), said.find("xyz"));
    EXPECT_LT(said.find("xyz"), said.find("hello c"));
    HAS(said, "<end>");
}

TEST_F(HttpServer, head_has_the_length_and_no_body) {
    auto said = talk("HEAD /hello/x HTTP/1.1\r\nHost: h\r\n\r\n");
    HAS(said, "Content-Length: 7\r\n");
    EXPECT_TRUE(said.ends_with("\r\n\r\n"));
    HAS(talk("HEAD /pieces HTTP/1.1\r\nHost: h\r\n\r\n"), "Transfer-Encoding: chunked\r\n");
}

TEST_F(HttpServer, invites_a_body_that_waits_for_100_continue) {
    auto said =
        talk("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(said, "HTTP/1.1 100 Continue\r\n\r\n");
    HAS(talk("ok"), "\r\n\r\nok");
    auto refused = talk(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\nExpect: 100-continue\r\n\r\n");
    HAS(refused, "HTTP/1.1 413 ");
}

TEST_F(HttpServer, http_1_0_gets_an_end_instead_of_chunks) {
    auto said = talk("GET /pieces HTTP/1.0\r\n\r\n", seconds(3));
    HAS(said, "\r\n\r\nonetwo<end>");
}

TEST_F(HttpServer, streams_pieces_as_they_come) {
    auto said = talk("GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n", milliseconds(500));
    EXPECT_TRUE(said.ends_with("3\r\none\r\n")) << said;
    EXPECT_EQ(listen(seconds(2)), "3\r\ntwo\r\n0\r\n\r\n");
    HAS(talk("GET /hello/x HTTP/1.1\r\nHost: h\r\n\r\n"), "hello x");
}

TEST_F(HttpServer, cuts_a_stream_that_fails_so_that_it_looks_incomplete) {
    auto said = talk("GET /breaks HTTP/1.1\r\nHost: h\r\n\r\n");
    HAS(said, "part");
    EXPECT_EQ(said.find("0\r\n\r\n"), std::string::npos);
    HAS(said, "<end>");
}

TEST_F(HttpServer, cancels_an_event_stream_when_the_client_goes) {
    auto said = talk("GET /events HTTP/1.1\r\nHost: h\r\n\r\n");
    HAS(said, "Content-Type: text/event-stream\r\n");
    HAS(said, "id: 1\ndata: hi\n\n");
    EXPECT_EQ(server->counters().streaming, 1u);
    client->close();
    ignore(sync_wait(*loop, sleep_for(seconds(1))), "time passes");
    EXPECT_TRUE(producer_cancelled);
    EXPECT_EQ(server->counters().streaming, 0u);
    EXPECT_EQ(server->counters().connections, 0u);
}

TEST_F(HttpServer, serves_ranges) {
    auto all = talk("GET /file HTTP/1.1\r\nHost: h\r\n\r\n");
    HAS(all, "0123456789");
    HAS(all, "ETag: \"tag\"\r\n");
    auto part = talk("GET /file HTTP/1.1\r\nHost: h\r\nRange: bytes=2-4\r\n\r\n");
    HAS(part, "HTTP/1.1 206 ");
    HAS(part, "Content-Range: bytes 2-4/10\r\n");
    HAS(part, "\r\n\r\n234");
    HAS(talk("GET /file HTTP/1.1\r\nHost: h\r\nRange: bytes=2-4\r\nIf-Range: \"old\"\r\n\r\n"),
        "0123456789");
    auto refused = talk("GET /file HTTP/1.1\r\nHost: h\r\nRange: bytes=20-\r\n\r\n");
    HAS(refused, "HTTP/1.1 416 ");
    HAS(refused, "Content-Range: bytes */10\r\n");
}

TEST_F(HttpServer, errors_are_json) {
    HAS(talk("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"), "HTTP/1.1 404 ");
    auto method = talk("DELETE /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    HAS(method, "HTTP/1.1 405 ");
    HAS(method, "Allow: POST\r\n");
    auto conflict = talk("GET /fails HTTP/1.1\r\nHost: h\r\n\r\n");
    HAS(conflict, "HTTP/1.1 409 ");
    HAS(conflict, R"({"error":{"code":"conflict","message":"somebody was faster"}})");
}

TEST_F(HttpServer, a_handler_that_takes_too_long_is_504) {
    auto said = talk("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", seconds(30));
    HAS(said, "HTTP/1.1 504 ");
    HAS(said, "timed_out");
}

struct MalformedRow {
    const char* name;
    std::string text;
    const char* status;
};
class MalformedRequest : public HttpServer, public testing::WithParamInterface<MalformedRow> {};
TEST_P(MalformedRequest, is_refused_and_the_connection_ends) {
    auto said = talk(GetParam().text, seconds(20));
    HAS(said, std::string("HTTP/1.1 ") + GetParam().status);
    HAS(said, "Connection: close\r\n");
    HAS(said, "<end>");
    EXPECT_EQ(server->counters().refused, 1u);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, MalformedRequest,
    testing::Values(
        MalformedRow{"noise", "\x16\x03\x01\x02\r\n\r\n", "400"},
        MalformedRow{"no_target", "GET  HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        MalformedRow{"no_host", "GET / HTTP/1.1\r\n\r\n", "400"},
        MalformedRow{"two_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
        MalformedRow{"climbing", "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        MalformedRow{"version", "GET / HTTP/3.7\r\nHost: h\r\n\r\n", "505"},
        MalformedRow{"method", "BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n", "501"},
        MalformedRow{"space_before_colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400"},
        MalformedRow{"length_not_a_number",
                     "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", "400"},
        MalformedRow{"two_lengths",
                     "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                     "Content-Length: 2\r\n\r\nab",
                     "400"},
        MalformedRow{"length_and_chunks",
                     "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     "400"},
        MalformedRow{"unknown_coding",
                     "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                     "501"},
        MalformedRow{"chunk_size",
                     "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     "400"},
        MalformedRow{"large_head", "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(20'000, 'x'),
                     "431"},
        MalformedRow{"large_claim",
                     "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999\r\n\r\n",
                     "413"},
        MalformedRow{"large_chunks",
                     "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "200\r\n" +
                         std::string(0x200, 'x'),
                     "413"},
        MalformedRow{"slow_head", "GET / HTTP/1.1\r\nHo", "408"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(HttpServer, drips_of_a_slow_client_dont_extend_its_time) {
    open();
    SteadyTime began = clock.steady();
    auto drip = [&]() -> Task<> {
        CO_TRY_VOID(client->write("GET / HTTP/1.1\r\nHost: h\r\n"));
        for (;;) {
            CO_TRY_VOID(co_await sleep_for(seconds(3)));
            CO_TRY_VOID(client->write("X: y\r\n"));
        }
    };
    Scope scope(*loop);
    scope.spawn(drip());
    auto said = listen(seconds(30));
    HAS(said, "HTTP/1.1 408 ");
    EXPECT_LT(clock.steady() - began, seconds(60));
    scope.cancel();
}

TEST_F(HttpServer, counts_requests_by_method_and_status) {
    metrics::Registry registry;
    ServerMetrics metrics(registry, "api");
    server->on_served([&](const Served& served) { metrics.record(served); });
    talk("GET /hello/x HTTP/1.1\r\nHost: h\r\n\r\n");
    talk("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
    auto text = registry.expose();
    HAS(text, R"(requests_total{listener="api",method="GET",status="2xx"} 1)");
    HAS(text, R"(requests_total{listener="api",method="GET",status="4xx"} 1)");
}

TEST_F(HttpServer, an_idle_connection_ends_quietly) {
    open();
    EXPECT_EQ(listen(minutes(10)), "<end>");
    EXPECT_EQ(server->counters().connections, 0u);
}

TEST_F(HttpServer, a_client_that_takes_nothing_is_dropped) {
    net::FakeStreamOptions narrow{.capacity = 16};
    open(narrow);
    ASSERT_TRUE(
        client->write("GET /hello/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").ok());
    ignore(sync_wait(*loop, sleep_for(minutes(2))), "time passes");
    EXPECT_EQ(server->counters().connections, 0u);
}

TEST_F(HttpServer, stop_lets_running_requests_end_and_idle_ones_go) {
    open();
    ASSERT_TRUE(client->write("GET /pause HTTP/1.1\r\nHost: h\r\n\r\n").ok());
    auto idle = net::make_stream_pair(*loop);
    server->serve(std::move(idle.second));
    ignore(sync_wait(*loop, sleep_for(seconds(1))), "the request is under way");
    EXPECT_EQ(server->counters().connections, 2u);
    ASSERT_TRUE(sync_wait(*loop, server->stop(seconds(5))).ok());
    EXPECT_EQ(server->counters().connections, 0u);
    HAS(listen(), "done");
}

TEST_F(HttpServer, stop_cancels_what_outlasts_the_grace) {
    open();
    ASSERT_TRUE(client->write("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").ok());
    ignore(sync_wait(*loop, sleep_for(seconds(1))), "the request is under way");
    SteadyTime began = clock.steady();
    ASSERT_TRUE(sync_wait(*loop, server->stop(seconds(3))).ok());
    EXPECT_LE(clock.steady() - began, seconds(4));
    EXPECT_EQ(server->counters().connections, 0u);
}

TEST_F(HttpServer, work_for_a_client_that_left_is_cancelled) {
    open();
    ASSERT_TRUE(client->write("GET /for-you HTTP/1.1\r\nHost: x\r\n\r\n").ok());
    ignore(sync_wait(*loop, sleep_for(seconds(1))), "the request is under way");
    EXPECT_EQ(handlers_ended, 0);
    client->close();
    ignore(sync_wait(*loop, sleep_for(seconds(1))), "the server hears of it");
    EXPECT_EQ(handlers_ended, 1);
    EXPECT_TRUE(handler_cancelled);
    EXPECT_EQ(server->counters().connections, 0u);
}

TEST_F(HttpServer, work_for_a_client_that_stays_is_done_and_the_next_request_waits) {
    const std::string one = "GET /for-you HTTP/1.1\r\nHost: x\r\n\r\n";
    const auto answer = talk(one + "GET /hello/ann HTTP/1.1\r\nHost: x\r\n\r\n", seconds(10));
    EXPECT_NE(answer.find("at last"), std::string::npos) << answer;
    EXPECT_LT(answer.find("at last"), answer.find("hello ann")) << answer;
    EXPECT_FALSE(handler_cancelled);
}

TEST_F(HttpServer, work_for_a_client_ends_when_the_server_stops) {
    open();
    ASSERT_TRUE(client->write("GET /for-you HTTP/1.1\r\nHost: x\r\n\r\n").ok());
    ignore(sync_wait(*loop, sleep_for(seconds(1))), "the request is under way");
    EXPECT_TRUE(sync_wait(*loop, server->stop(seconds(1))).ok());
    EXPECT_TRUE(handler_cancelled);
}

}  // namespace
}  // namespace mw::http
