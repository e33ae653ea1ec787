#pragma once
// An HTTP/1.1 client to one server. It keeps one idle connection for the next request; concurrent
// requests open more. Belongs to its loop. Limits: time and body size, per request.

#include "platform/http/body.h"

namespace mw::http {

struct ClientOptions {
    net::ConnectOptions server{};
    nanoseconds limit = seconds(30);            // for connecting, sending, and the whole response
    std::size_t body_limit = 64 * 1024 * 1024;  // of a response that request() keeps in memory
    std::size_t header_limit = 16 * 1024;
    bool keep_alive = true;
    Headers headers{};  // added to each request, as Authorization
};

// "https://host:port/base" for people's configuration: host, port, TLS or not, base path.
struct Url {
    bool tls = false;
    std::string host;
    std::uint16_t port = 0;
    std::string path;  // with query; at least "/"
};
Result<Url> parse_url(std::string_view text);

// A response whose body comes piece by piece.
class Incoming {
 public:
    virtual ~Incoming() = default;
    const Response& head() const { return head_; }  // without body
    // The next piece, owned; empty at the end. timed_out when nothing came for the idle limit.
    virtual Task<std::string> read() = 0;
    // The next line without its end ("\n" or "\r\n"), at most 1 MiB; nothing at the end.
    Task<std::optional<std::string>> read_line();
    // The next event of an event stream; comments are skipped; nothing at the end.
    Task<std::optional<ServerEvent>> read_event();

 protected:
    Response head_;

 private:
    std::string pending_;
    bool ended_ = false;
};

class Client {
 public:
    Client(Loop& loop, ClientOptions options);
    ~Client();
    Client(const Client&) = delete;

    // path and query are encoded here; the body goes with Content-Length. Any status is a Response.
    // One retry on a kept connection that the server had closed.
    Task<Response> request(Request request);
    // The same, but the body is read by the caller. `idle_limit` bounds each read.
    Task<std::unique_ptr<Incoming>> open(Request request, nanoseconds idle_limit = seconds(60));

 private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

// The value of a 2xx response, or the server's error as ours (code, message).
Result<Response> expect_success(Response response);

}  // namespace mw::http
