#pragma once
// Private to this module: one client's connection, from its first request to its last.

#include "platform/http/server.h"
#include "platform/http/stop_switch.h"
#include "platform/http/wire.h"

namespace mw::http {

// What all connections of a server share. It outlives them.
struct ServerShared {
    Loop& loop;
    ServerOptions options;
    Router router;
    ServerCounters counters{};
    std::function<void(const Served&)> on_served{};
    bool stopping = false;
};

class Connection : public ListNode {
 public:
    Connection(ServerShared& shared, std::unique_ptr<net::Stream> stream);
    ~Connection();

    Task<> serve();
    // The server stops: ends now unless a handler is at work, else after its response.
    void wind_down();
    // Ends now, whatever it is doing.
    void cut();
    const Bytes& certificate() const { return stream_->peer_certificate(); }

 private:
    enum class Next { go_on, close };
    struct Exchange;  // one request and what is known about its response
    class Writer;

    Task<> wait_for_request();
    Task<> read_head();
    Task<> read_body(std::size_t limit);
    Task<Next> serve_one();
    Task<Next> answer(Request request, Router::Match match);
    Task<Next> refuse(Refusal refusal);
    Task<Next> respond(Response response, Exchange exchange);
    Task<> send_body(std::string body);
    Task<> stream_body(BodyProducer& producer, Writer& writer);
    Task<> run_producer(BodyProducer& producer, Writer& writer, Result<>& outcome, Event& settled);
    // Calls `left` when the client has gone; keeps what it sends ahead.
    Task<> watch_client(std::function<void()> left);
    Task<Response> while_client_stays(Task<Response> handling, nanoseconds limit);
    void count(const Exchange& exchange, int status);

    ServerShared& shared_;
    std::unique_ptr<net::Stream> stream_;
    MessageReader reader_;
    std::optional<Refusal> refusal_;
    std::size_t served_ = 0;
    bool client_left_ = false;  // while its request was handled
    bool busy_ = false;         // a handler is at work, or its response is being sent
};

}  // namespace mw::http
