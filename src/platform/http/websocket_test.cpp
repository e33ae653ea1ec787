// WebSocket streams: the suite that every Stream passes, and what a peer sees on the wire.
#include "platform/http/websocket.h"

#include <gtest/gtest.h>

#include "platform/http/websocket_frames.h"
#include "platform/net/stream_suite.h"

namespace mw::http {
namespace {

SystemRandom system_random;

std::shared_ptr<const WebSocketOptions> mqtt_options() {
    WebSocketOptions options;
    options.paths = {"/mqtt", "/"};
    options.protocol = "mqtt";
    return std::make_shared<const WebSocketOptions>(std::move(options));
}
WebSocketTarget to_mqtt() { return {"hub.test", "/mqtt", "mqtt"}; }

// Both handshakes on the two ends of a pair: first the client, then the server.
Result<net::StreamPair> shake_hands(Loop& loop, net::StreamPair below) {
    net::StreamPair pair;
    Scope scope(loop);
    auto dial = [&]() -> Task<> {
        auto opening = open_websocket(std::move(below.first), to_mqtt(), system_random);
        CO_TRY(pair.first, co_await std::move(opening));
        co_return Result<>{};
    };
    scope.spawn(dial());
    auto accepting = accept_websocket(std::move(below.second), mqtt_options());
    TRY(pair.second, sync_wait(loop, within(seconds(10), std::move(accepting))));
    TRY_VOID(sync_wait(loop, within(seconds(10), scope.join())));
    return pair;
}
Result<net::StreamPair> in_memory(Loop& loop, net::FakeStreamOptions options = {}) {
    return shake_hands(loop, net::make_stream_pair(loop, options));
}
Result<net::StreamPair> over_tcp(Loop& loop) {
    TRY(auto listener, net::Listener::open(loop, {}));
    net::StreamPair pair;
    Scope scope(loop);
    auto dial = [&]() -> Task<> {
        net::ConnectOptions to{.host = "127.0.0.1", .port = listener->address().port};
        CO_TRY(pair.first, co_await net::connect(to));
        co_return Result<>{};
    };
    scope.spawn(dial());
    TRY(pair.second, sync_wait(loop, within(seconds(5), listener->accept())));
    TRY_VOID(sync_wait(loop, within(seconds(5), scope.join())));
    return shake_hands(loop, std::move(pair));
}
Result<net::StreamPair> swapped(Result<net::StreamPair> pair) {
    if (pair) std::swap(pair->first, pair->second);
    return pair;
}

}  // namespace
}  // namespace mw::http

namespace mw::net {
INSTANTIATE_TEST_SUITE_P(
    WebSockets, AnyStream,
    testing::Values(
        Kind{"client_and_server", [](Loop& l) { return http::in_memory(l); }},
        Kind{"server_and_client", [](Loop& l) { return http::swapped(http::in_memory(l)); }},
        Kind{"over_tcp", [](Loop& l) { return http::over_tcp(l); }},
        Kind{"server_over_tcp", [](Loop& l) { return http::swapped(http::over_tcp(l)); }},
        Kind{"bytewise", [](Loop& l) { return http::in_memory(l, {.capacity = 64, .chunk = 1}); },
             true}),
    [](const auto& row) { return std::string(row.param.name); });
}  // namespace mw::net

namespace mw::http {
namespace {

// A server, and a client that is raw text; in virtual time.
class WebSocketServer : public testing::Test {
 protected:
    SimulatedClock clock;
    std::unique_ptr<Loop> loop = *Loop::open({.simulated = &clock});
    net::StreamPair pair = net::make_stream_pair(*loop);
    std::unique_ptr<net::Stream> server;
    Result<> outcome;
    Scope scope{*loop};

    void accept(std::shared_ptr<const WebSocketOptions> options = mqtt_options()) {
        auto serve = [](WebSocketServer& t, std::shared_ptr<const WebSocketOptions> o) -> Task<> {
            auto accepting = accept_websocket(std::move(t.pair.second), std::move(o));
            auto made = co_await std::move(accepting);
            if (made)
                t.server = *std::move(made);
            else
                t.outcome = std::move(made).error();
            co_return Result<>{};
        };
        scope.spawn(serve(*this, std::move(options)));
    }
    void say(std::string_view text) { ASSERT_TRUE(pair.first->write(text).ok()); }
    void say(const Bytes& bytes) { say(text_of(bytes)); }
    // What comes until the end, or a second of silence.
    std::string hear() {
        std::string all;
        for (;;) {
            auto text = read(*pair.first);
            if (!text || text->empty()) return all;
            all += *text;
        }
    }
    void open() {
        accept();
        say(request());
        ASSERT_NE(hear().find("101 Switching Protocols"), std::string::npos);
        ASSERT_TRUE(server);
    }
    // One read, within a second.
    Result<std::string> read(net::Stream& from) {
        auto copy = [](net::Stream& stream) -> Task<std::string> {
            CO_TRY(const auto bytes, co_await stream.read());
            co_return std::string(text_of(bytes));
        };
        return sync_wait(*loop, within(seconds(1), copy(from)));
    }
    Result<std::string> read() { return read(*server); }

    // The standard's own example key; `change` is "Name: value", or "-Name" to leave it out.
    static std::string request(std::string_view change = "", std::string_view line = "GET /mqtt") {
        std::string text(line);
        text += " HTTP/1.1\r\n";
        bool replaced = change.empty();
        for (std::string_view header :
             {"Host: hub.test:8884", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
              "Sec-WebSocket-Protocol: mqttv3.1, mqtt"}) {
            const auto name = header.substr(0, header.find(':'));
            if (change.starts_with('-') && change.substr(1) == name) {
                replaced = true;
                continue;
            }
            const bool mine = !change.empty() && change.substr(0, change.find(':')) == name;
            text.append(mine ? change : header).append("\r\n");
            replaced = replaced || mine;
        }
        if (!replaced) text.append(change).append("\r\n");
        return text + "\r\n";
    }
};

Bytes masked(Opcode opcode, std::string_view payload) {
    constexpr std::uint32_t key = 0x12345678;
    Bytes bytes(frame_header_max);
    bytes.resize(put_frame_header(bytes.data(), opcode, payload.size(), key));
    const std::size_t at = bytes.size();
    bytes.resize(at + payload.size());
    mask_into(bytes.data() + at, bytes_of(payload), key);
    return bytes;
}

TEST_F(WebSocketServer, answers_as_the_standard_shows) {
    accept();
    say(request());
    const std::string answer = hear();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 ")) << answer;
    EXPECT_NE(answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
              std::string::npos);
    EXPECT_NE(answer.find("Sec-WebSocket-Protocol: mqtt\r\n"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
    ASSERT_TRUE(server);
    EXPECT_EQ(server->peer().host, "198.51.100.1");
}

TEST_F(WebSocketServer, frames_behind_the_request_are_not_lost) {
    accept();
    say(request() + std::string(text_of(masked(Opcode::binary, "early"))));
    hear();
    ASSERT_TRUE(server);
    say(masked(Opcode::binary, "late"));
    EXPECT_EQ(*read(), "early");
    EXPECT_EQ(*read(), "late");
}

TEST_F(WebSocketServer, takes_a_request_that_comes_byte_by_byte) {
    accept();
    for (char c : request("", "GET /?x=1")) {
        say(std::string_view(&c, 1));
        loop->turn(false);
    }
    EXPECT_NE(hear().find(" 101 "), std::string::npos);
}

TEST_F(WebSocketServer, a_page_of_the_same_host_or_of_a_listed_one_may_ask) {
    accept();
    say(request("Origin: https://HUB.test:8884"));
    EXPECT_NE(hear().find(" 101 "), std::string::npos);
    pair = net::make_stream_pair(*loop);
    WebSocketOptions options = *mqtt_options();
    options.origins = {"https://tools.example"};
    accept(std::make_shared<const WebSocketOptions>(options));
    say(request("Origin: https://tools.example"));
    EXPECT_NE(hear().find(" 101 "), std::string::npos);
}

TEST_F(WebSocketServer, a_name_that_only_points_to_us_is_refused_where_names_are_given) {
    WebSocketOptions options = *mqtt_options();
    options.hosts = {"localhost", "127.0.0.1", "[::1]"};
    auto shared = std::make_shared<const WebSocketOptions>(options);
    for (const auto& [host, answer] :
         {std::pair{"Host: evil.example:9001", " 403 "}, std::pair{"Host: 127.0.0.1:9001", " 101 "},
          std::pair{"Host: localhost", " 101 "}, std::pair{"Host: [::1]:9001", " 101 "}}) {
        pair = net::make_stream_pair(*loop);
        accept(shared);
        say(request(host));
        EXPECT_NE(hear().find(answer), std::string::npos) << host;
    }
}

struct Refused {
    const char* name;
    std::string request;
    int status;
    const char* says;
};
class RefusedRequests : public WebSocketServer, public testing::WithParamInterface<Refused> {
 public:
    using WebSocketServer::request;
};
TEST_P(RefusedRequests, are_told_why) {
    accept();
    say(GetParam().request);
    const std::string answer = hear();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(GetParam().status) + " "))
        << answer;
    EXPECT_NE(answer.find(GetParam().says), std::string::npos) << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
    ASSERT_TRUE(sync_wait(*loop, scope.join()).ok());
    EXPECT_FALSE(server);
    EXPECT_EQ(outcome.error().code, Errc::invalid_input);
}
std::string changed(std::string_view change, std::string_view line = "GET /mqtt") {
    return RefusedRequests::request(change, line);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, RefusedRequests,
    testing::Values(
        Refused{"no_protocol", changed("-Sec-WebSocket-Protocol"), 400,
                "Sec-WebSocket-Protocol: mqtt"},
        Refused{"another_protocol", changed("Sec-WebSocket-Protocol: wamp, MQTT"), 400, "mqtt"},
        Refused{"another_path", changed("", "GET /other"), 404, "want /mqtt"},
        Refused{"post", changed("", "POST /mqtt"), 405, "Allow: GET"},
        Refused{"no_upgrade", changed("-Upgrade"), 426, "Upgrade: websocket"},
        Refused{"another_upgrade", changed("Upgrade: h2c"), 426, "Upgrade: websocket"},
        Refused{"no_connection", changed("-Connection"), 400, "Connection: Upgrade"},
        Refused{"connection_close", changed("Connection: close"), 400, "Connection: Upgrade"},
        Refused{"no_version", changed("-Sec-WebSocket-Version"), 426, "Sec-WebSocket-Version: 13"},
        Refused{"version_8", changed("Sec-WebSocket-Version: 8"), 426, "Sec-WebSocket-Version: 13"},
        Refused{"no_key", changed("-Sec-WebSocket-Key"), 400, "16 bytes"},
        Refused{"short_key", changed("Sec-WebSocket-Key: c2hvcnQ="), 400, "16 bytes"},
        Refused{"bad_key", changed("Sec-WebSocket-Key: ***"), 400, "16 bytes"},
        Refused{"body", changed("Content-Length: 5") + "hello", 400, "no body"},
        Refused{"foreign_page", changed("Origin: https://evil.example"), 403, "Origin"},
        Refused{"page_from_a_file", changed("Origin: null"), 403, "Origin"},
        Refused{"no_host", changed("-Host"), 400, "Host"},
        Refused{"http_1_0", "GET /mqtt HTTP/1.0\r\nHost: x\r\n\r\n", 505, "HTTP/1.1"},
        Refused{"large_head", changed("X: " + std::string(9000, 'x')), 431, "too large"},
        Refused{"mqtt_at_once",
                std::string("\x10\x0C\0\x04MQTT\x04\x02\0\x3C\0\0", 14) + "\r\n\r\n", 400,
                "malformed"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(WebSocketServer, pings_are_answered_while_somebody_reads) {
    open();
    say(masked(Opcode::ping, "are you there"));
    EXPECT_EQ(read().error().code, Errc::timed_out);
    EXPECT_EQ(hear(),
              "\x8A\x0D"
              "are you there");
}

TEST_F(WebSocketServer, its_frames_are_not_masked) {
    open();
    ASSERT_TRUE(server->write("one").ok());
    ASSERT_TRUE(server->write("two").ok());
    EXPECT_EQ(hear(), "\x82\x06onetwo");  // one frame for what a turn wrote
}

TEST_F(WebSocketServer, a_close_is_the_end_and_is_answered) {
    open();
    say(masked(Opcode::binary, "last"));
    say(masked(Opcode::close, "\x03\xE8"));
    EXPECT_EQ(*read(), "last");
    EXPECT_EQ(*read(), "");
    server->close();
    EXPECT_EQ(hear(), "\x88\x02\x03\xE8");
    EXPECT_TRUE(sync_wait(*loop, pair.first->read())->empty());
}

TEST_F(WebSocketServer, finishing_waits_for_the_clients_close_and_then_ends_below) {
    open();
    server->finish();
    EXPECT_EQ(hear(), "\x88\x02\x03\xE8");
    say(masked(Opcode::binary, "still here"));
    EXPECT_EQ(*read(), "still here");
    say(masked(Opcode::close, "\x03\xE8"));
    EXPECT_EQ(*read(), "");
    EXPECT_TRUE(sync_wait(*loop, pair.first->read())->empty());  // not before
}

TEST_F(WebSocketServer, what_breaks_the_protocol_gets_its_code_and_an_end) {
    open();
    say(masked(Opcode::text, "hello"));
    const auto seen = read();
    ASSERT_FALSE(seen.ok());
    EXPECT_EQ(seen.error().code, Errc::invalid_input);
    EXPECT_NE(seen.error().message.find("text frame"), std::string::npos);
    server->close();
    EXPECT_EQ(hear(), "\x88\x02\x03\xEB");
}

TEST_F(WebSocketServer, an_end_without_farewell_is_an_error) {
    open();
    pair.first->finish();
    const auto seen = read();
    ASSERT_FALSE(seen.ok());
    EXPECT_NE(seen.error().message.find("farewell"), std::string::npos);
}

TEST_F(WebSocketServer, a_client_that_pings_and_never_reads_costs_a_bounded_output) {
    pair = net::make_stream_pair(*loop, {.capacity = 1000});
    open();
    const Bytes ping = masked(Opcode::ping, std::string(125, 'p'));
    for (int i = 0; i < 20'000; ++i) {
        if (pair.first->unsent() < 100'000) say(ping);
        ignore(sync_wait(*loop, within(nanoseconds(1), server->read())), "only pings come");
    }
    EXPECT_LE(server->unsent(), 300'000u);
    EXPECT_GT(server->unsent(), 0u);
}

TEST(WebSocketListener, upgrades_within_the_handshakes_limits) {
    SimulatedClock clock;
    auto loop = *Loop::open();
    net::ListenOptions options;
    options.upgrade = websocket_upgrade(*mqtt_options());
    options.handshake_limit = milliseconds(20);
    auto listener = *net::Listener::open(*loop, options);
    net::ConnectOptions to{.host = "127.0.0.1", .port = listener->address().port};
    // One that says nothing, and one that says half of it.
    for (std::string_view said : {"", "GET /mqtt HTTP/1.1\r\nHost: x\r\n"}) {
        auto slow = *sync_wait(*loop, net::connect(to));
        ASSERT_TRUE(slow->write(said).ok());
        auto seen = sync_wait(*loop, within(seconds(5), slow->read()));
        EXPECT_TRUE(seen.ok() && seen->empty());
    }
    EXPECT_EQ(listener->counters().failed_handshakes, 2u);
    EXPECT_NE(listener->counters().last_failure.find("no answer within"), std::string::npos);
    EXPECT_EQ(listener->counters().open, 0u);
}

}  // namespace
}  // namespace mw::http
