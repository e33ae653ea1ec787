// RFC 6455 section 4, both sides.
#include <algorithm>

#include "platform/crypto/crypto.h"
#include "platform/http/websocket.h"
#include "platform/http/websocket_stream.h"
#include "platform/http/wire.h"

namespace mw::http {
namespace {

using Side = WebSocketStream::Side;
constexpr std::size_t key_bytes = 16;
constexpr std::size_t response_head_limit = 8 * 1024;
constexpr nanoseconds farewell_time = seconds(1);  // for a client that still sends what we refuse
constexpr std::size_t farewell_bytes = 64 * 1024;

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool same_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower_case(x) == lower_case(y); });
}

std::string_view without_blanks(std::string_view text) {
    constexpr std::string_view blank = " \t";
    const auto from = text.find_first_not_of(blank);
    if (from == text.npos) return {};
    return text.substr(from, text.find_last_not_of(blank) - from + 1);
}

// Whether a word that fits is in the comma-separated lists of all headers of that name.
template <class Fits>
bool lists(const Headers& headers, std::string_view name, Fits fits) {
    for (const auto& [known, value] : headers) {
        if (!same_word(known, name)) continue;
        for (std::string_view rest = value;;) {
            const auto comma = rest.find(',');
            if (fits(without_blanks(rest.substr(0, comma)))) return true;
            if (comma == rest.npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    return false;
}

bool contains(const std::vector<std::string>& all, std::string_view one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

// 4.2.2: what shows that the server has read the key, and is no HTTP cache.
std::string accept_of(std::string_view key) {
    std::string text(key);
    text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    return to_base64(crypto::sha1(bytes_of(text)));
}

std::string_view without_port(std::string_view host) {
    if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
    return host.substr(0, host.find(':'));
}

// A browser brings a client's certificate, or reaches loopback, for whatever page asks.
bool may_ask(const Request& request, const WebSocketOptions& options) {
    if (!request.headers.has("Origin")) return true;
    const std::string_view origin = request.headers.get("Origin");
    if (contains(options.origins, origin)) return true;
    const auto scheme = origin.find("://");
    return scheme != origin.npos &&
           same_word(origin.substr(scheme + 3), request.headers.get("Host"));
}

struct Turned {  // away
    int status;
    std::string why;
};

std::optional<Turned> check_upgrade(const Request& request) {
    const Headers& headers = request.headers;
    auto websocket = [](std::string_view word) { return same_word(word, "websocket"); };
    auto upgrade = [](std::string_view word) { return same_word(word, "upgrade"); };
    if (request.method != Method::get) return Turned{405, "a WebSocket begins with GET"};
    if (!lists(headers, "Upgrade", websocket))
        return Turned{426, "this port speaks WebSocket: want \"Upgrade: websocket\""};
    if (!lists(headers, "Connection", upgrade)) return Turned{400, "want \"Connection: Upgrade\""};
    if (headers.get("Sec-WebSocket-Version") != "13")
        return Turned{426, "want Sec-WebSocket-Version 13"};
    const auto key = from_base64(headers.get("Sec-WebSocket-Key"));
    if (!key || key->size() != key_bytes)
        return Turned{400, "want a Sec-WebSocket-Key of 16 bytes in base64"};
    if (headers.has("Transfer-Encoding") ||
        (headers.has("Content-Length") && headers.get("Content-Length") != "0"))
        return Turned{400, "a WebSocket's request has no body"};
    return std::nullopt;
}

std::optional<Turned> check_request(const Request& request, const WebSocketOptions& options) {
    if (!options.hosts.empty() &&
        !contains(options.hosts, without_port(request.headers.get("Host"))))
        return Turned{403, "this port is not for that Host"};
    if (!contains(options.paths, request.path))
        return Turned{404, "no such path: want " + options.paths.front()};
    if (auto turned = check_upgrade(request)) return turned;
    if (!may_ask(request, options))
        return Turned{403, "pages of this Origin may not connect; list it to allow them"};
    auto ours = [&](std::string_view word) { return word == options.protocol; };
    if (!options.protocol.empty() && !lists(request.headers, "Sec-WebSocket-Protocol", ours))
        return Turned{400, "want \"Sec-WebSocket-Protocol: " + options.protocol + '"'};
    return std::nullopt;
}

// The answer, and then its end without a reset, so that the client may read why.
Task<> turn_away(net::Stream& stream, Turned turned) {
    Response response = Response::error(turned.status, "invalid_input", turned.why);
    if (turned.status == 426) {
        response.headers.set("Upgrade", "websocket");
        response.headers.set("Sec-WebSocket-Version", "13");
    }
    if (turned.status == 405) response.headers.set("Allow", "GET");
    const std::string length = "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
    CO_TRY_VOID(stream.write(
        response_head_text(response, length, true, "millwright", Loop::here().clock().now()) +
        response.body));
    stream.finish();
    const auto most = stream.bytes_read() + farewell_bytes;
    while (stream.bytes_read() < most) {
        CO_TRY(const auto bytes, co_await stream.read());
        if (bytes.empty()) break;
    }
    co_return Result<>{};
}

// Until the head is there; what else came is kept in the reader.
Task<> await_head(net::Stream& stream, MessageReader& reader, std::optional<Refusal>& refused) {
    while (!refused && !reader.head_done()) {
        CO_TRY(const auto bytes, co_await stream.read());
        if (bytes.empty())
            co_return Error{Errc::io_failed, "the peer left during the WebSocket handshake"};
        refused = reader.feed(bytes);
    }
    co_return Result<>{};
}

std::optional<Turned> judge(const MessageReader& reader, const std::optional<Refusal>& refused,
                            const WebSocketOptions& options, Request& request) {
    if (refused) return Turned{refused->status, refused->message};
    if (reader.version_1_0()) return Turned{505, "a WebSocket wants HTTP/1.1"};
    auto head = reader.request_head();
    if (auto* refusal = std::get_if<Refusal>(&head))
        return Turned{refusal->status, refusal->message};
    request = std::get<Request>(std::move(head));
    return check_request(request, options);
}

}  // namespace

Task<std::unique_ptr<net::Stream>> accept_websocket(
    std::unique_ptr<net::Stream> stream, std::shared_ptr<const WebSocketOptions> options) {
    MessageReader reader(MessageReader::Kind::request, options->header_limit);
    std::optional<Refusal> refused;
    CO_TRY_VOID(co_await await_head(*stream, reader, refused));
    Request request;
    if (auto turned = judge(reader, refused, *options, request)) {
        const std::string why = turned->why;
        auto telling = turn_away(*stream, *std::move(turned));
        ignore(co_await within(farewell_time, std::move(telling)), "we hang up in any case");
        co_return Error{Errc::invalid_input, "WebSocket: " + why};
    }
    std::string answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        accept_of(request.headers.get("Sec-WebSocket-Key")) + "\r\n";
    if (!options->protocol.empty())
        answer += "Sec-WebSocket-Protocol: " + options->protocol + "\r\n";
    CO_TRY_VOID(stream->write(answer + "\r\n"));
    const std::string early = reader.take_kept();
    co_return std::make_unique<WebSocketStream>(Loop::here(), std::move(stream), Side::server,
                                                nullptr, bytes_of(early));
}

net::Upgrade websocket_upgrade(WebSocketOptions options) {
    auto shared = std::make_shared<const WebSocketOptions>(std::move(options));
    return [shared](std::unique_ptr<net::Stream> stream) {
        return accept_websocket(std::move(stream), shared);
    };
}

Task<std::unique_ptr<net::Stream>> open_websocket(std::unique_ptr<net::Stream> stream,
                                                  WebSocketTarget target, Random& random) {
    Bytes nonce(key_bytes);
    random.fill(nonce);
    const std::string key = to_base64(nonce);
    Headers headers{{"Host", target.host},
                    {"Upgrade", "websocket"},
                    {"Connection", "Upgrade"},
                    {"Sec-WebSocket-Key", key},
                    {"Sec-WebSocket-Version", "13"}};
    if (!target.protocol.empty()) headers.add("Sec-WebSocket-Protocol", target.protocol);
    CO_TRY_VOID(stream->write(request_head_text(Method::get, target.path, headers)));
    MessageReader reader(MessageReader::Kind::response, response_head_limit);
    std::optional<Refusal> refused;
    CO_TRY_VOID(co_await await_head(*stream, reader, refused));
    if (refused) co_return Error{Errc::invalid_input, "WebSocket: " + refused->message};
    const Response answer = reader.response_head();
    auto ours = [&](std::string_view word) { return word == target.protocol; };
    if (answer.status != 101 || answer.headers.get("Sec-WebSocket-Accept") != accept_of(key) ||
        (!target.protocol.empty() && !lists(answer.headers, "Sec-WebSocket-Protocol", ours)))
        co_return Error{Errc::invalid_input, "the server refuses the WebSocket with status " +
                                                 std::to_string(answer.status) +
                                                 ". Check the path and the port"};
    const std::string early = reader.take_kept();
    co_return std::make_unique<WebSocketStream>(Loop::here(), std::move(stream), Side::client,
                                                &random, bytes_of(early));
}

}  // namespace mw::http
