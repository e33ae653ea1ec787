#pragma once
// An HTTP/1.1 server on one loop: keep-alive, pipelining, chunked bodies, Expect: 100-continue,
// HEAD. It owns its connections; stop() ends them. Limits are in ServerOptions and RouteOptions.

#include "platform/http/body.h"
#include "platform/http/router.h"

namespace mw::http {

struct ServerOptions {
    net::ListenOptions listen{};
    std::size_t header_limit = 16 * 1024;
    nanoseconds header_time = seconds(10);  // from the first byte of a request to its last header
    nanoseconds body_time = seconds(60);    // from the headers to the body's last byte
    nanoseconds idle_time = seconds(75);    // between requests
    nanoseconds write_time = seconds(30);   // without the client taking anything
    std::size_t requests_per_connection = 10'000;
    std::string server_name = "millwright";
};

struct ServerCounters {
    std::uint64_t requests = 0, refused = 0;  // refused: malformed, too large, too slow
    std::uint64_t by_status[6] = {};          // [2] counts 2xx
    std::size_t connections = 0, streaming = 0;
    std::string last_refusal{};  // with the peer's address
};
// Told of each finished request; for metrics and the access log.
struct Served {
    Method method;
    std::string_view pattern;  // of the route; empty if none
    int status;
    nanoseconds took;
};

class Server {
 public:
    // The router is moved in. Listens at once; serves when the loop runs.
    static Result<std::unique_ptr<Server>> open(Loop& loop, ServerOptions options, Router router);
    ~Server();
    Server(const Server&) = delete;

    const net::Address& address() const;
    void set_tls(std::shared_ptr<const net::TlsContext> tls);
    void on_served(std::function<void(const Served&)> listener);
    ServerCounters counters() const;
    net::ListenerCounters listener_counters() const;
    // Cuts the connections whose client certificate (DER) is unwanted, requests under way included:
    // how many there were.
    std::size_t drop_connections(const std::function<bool(ByteView certificate)>& unwanted);
    // Serves a stream that came another way (tests).
    void serve(std::unique_ptr<net::Stream> stream);
    // Stops listening, lets running requests end for at most `grace`, cancels the rest.
    Task<> stop(nanoseconds grace = seconds(5));

 private:
    struct Parts;
    explicit Server(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace mw::http
