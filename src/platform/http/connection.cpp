#include "platform/http/connection.h"

#include <algorithm>

namespace mw::http {
namespace {

constexpr std::size_t write_piece = 256 * 1024;  // at once into the stream's output
constexpr nanoseconds linger = seconds(1);       // for a client that still sends what we refuse
constexpr std::size_t linger_bytes = 16 << 20;

std::string with_commas(const std::vector<Method>& methods) {
    std::string text;
    for (Method method : methods) {
        std::string name(to_string(method));
        if (text.find(name) == std::string::npos) text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}
bool bodyless(int status) { return status == 204 || status == 304 || status / 100 == 1; }
Error refused_error() { return {Errc::invalid_input, "refused"}; }

}  // namespace

struct Connection::Exchange {
    Method method = Method::get;
    std::string_view pattern;
    SteadyTime began;
    bool keep_alive = true;
    bool chunks_allowed = true;  // HTTP/1.1
};

// Frames what a producer writes.
class Connection::Writer final : public BodyWriter {
 public:
    Writer(Connection& connection, std::optional<std::uint64_t> length, bool chunked)
        : connection_(connection), left_(length), chunked_(chunked) {}
    Task<> write(std::string piece) override {
        if (piece.empty()) co_return Result<>{};
        if (left_) {
            if (piece.size() > *left_)
                co_return Error{Errc::corrupt, "the body is longer than its Content-Length"};
            *left_ -= piece.size();
        }
        if (chunked_) {
            char size[24];
            std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
            piece.insert(0, size).append("\r\n");
        }
        co_return co_await connection_.send_body(std::move(piece));
    }
    Result<> end() {
        if (left_.value_or(0) > 0)
            return Error{Errc::corrupt, "the body is shorter than its Content-Length"};
        return chunked_ ? connection_.stream_->write("0\r\n\r\n") : Result<>{};
    }

 private:
    Connection& connection_;
    std::optional<std::uint64_t> left_;
    const bool chunked_;
};

Connection::Connection(ServerShared& shared, std::unique_ptr<net::Stream> stream)
    : shared_(shared),
      stream_(std::move(stream)),
      reader_(MessageReader::Kind::request, shared.options.header_limit) {
    ++shared_.counters.connections;
}
Connection::~Connection() { --shared_.counters.connections; }

void Connection::wind_down() {
    if (!busy_) stream_->close();
}

void Connection::cut() { stream_->close(); }

Task<> Connection::serve() {
    for (;;) {
        auto next = co_await serve_one();
        if (!next || *next == Next::close || shared_.stopping) break;
        reader_.next();
    }
    // What is left goes out at the end of the turn; don't cut it short.
    ignore(co_await within(shared_.options.write_time, stream_->flush()), "the client may be gone");
    stream_->close();
    co_return Result<>{};
}

Task<Connection::Next> Connection::serve_one() {
    busy_ = false;
    refusal_.reset();
    if (!(co_await wait_for_request())) co_return Next::close;
    auto head = co_await within(shared_.options.header_time, read_head());
    if (!head && head.error().code == Errc::timed_out)
        refusal_ = Refusal{408, "the request's head took too long"};
    if (refusal_) co_return co_await refuse(*refusal_);
    if (!head) co_return Next::close;

    auto parsed = reader_.request_head();
    if (auto* refused = std::get_if<Refusal>(&parsed)) co_return co_await refuse(*refused);
    Request request = std::get<Request>(std::move(parsed));
    auto match = shared_.router.find(request.method, request.path);
    std::size_t limit = match.route ? match.route->options.body_limit : 64 * 1024;
    if (match.route && match.route->options.body_limit_for)
        limit = match.route->options.body_limit_for(request);
    if (reader_.content_length().value_or(0) > limit) {
        Refusal large{413, "the body is larger than " + std::to_string(limit) +
                               " bytes, the limit of this route"};
        co_return co_await refuse(std::move(large));
    }
    if (reader_.wants_continue() && !reader_.done())
        CO_TRY_VOID(stream_->write("HTTP/1.1 100 Continue\r\n\r\n"));
    auto body = co_await within(shared_.options.body_time, read_body(limit));
    if (!body && body.error().code == Errc::timed_out)
        refusal_ = Refusal{408, "the request's body took too long"};
    if (refusal_) co_return co_await refuse(*refusal_);
    if (!body) co_return Next::close;
    request.body = reader_.take_body();
    co_return co_await answer(std::move(request), std::move(match));
}

// Until something of a request is there.
Task<> Connection::wait_for_request() {
    if (reader_.kept() > 0) co_return Result<>{};
    auto bytes = co_await within(shared_.options.idle_time, stream_->read());
    if (!bytes) co_return std::move(bytes).error();
    if (bytes->empty()) co_return Error{Errc::cancelled, "the client has finished"};
    busy_ = true;
    reader_.keep(*bytes);
    co_return Result<>{};
}

Task<> Connection::read_head() {
    busy_ = true;
    refusal_ = reader_.feed({});
    while (!refusal_ && !reader_.head_done()) {
        CO_TRY(auto bytes, co_await stream_->read());
        if (bytes.empty()) co_return Error{Errc::io_failed, "the client left inside a head"};
        refusal_ = reader_.feed(bytes);
    }
    if (refusal_) co_return refused_error();
    co_return Result<>{};
}

Task<> Connection::read_body(std::size_t limit) {
    reader_.set_body_limit(limit);
    refusal_ = reader_.feed({});
    while (!refusal_ && !reader_.done()) {
        CO_TRY(auto bytes, co_await stream_->read());
        if (bytes.empty()) co_return Error{Errc::io_failed, "the client left inside a body"};
        refusal_ = reader_.feed(bytes);
    }
    if (refusal_) co_return refused_error();
    co_return Result<>{};
}

Task<Connection::Next> Connection::answer(Request request, Router::Match match) {
    Exchange exchange;
    exchange.method = request.method;
    exchange.began = shared_.loop.now();
    exchange.chunks_allowed = !reader_.version_1_0();
    exchange.keep_alive = reader_.keep_alive() &&
                          ++served_ < shared_.options.requests_per_connection && !shared_.stopping;
    if (!match.route) {
        Response response = match.allowed.empty()
                                ? Response::error(404, "not_found", "no such path: " + request.path)
                                : Response::error(405, "invalid_input",
                                                  "this path has no method " +
                                                      std::string(to_string(request.method)));
        if (!match.allowed.empty()) response.headers.set("Allow", with_commas(match.allowed));
        co_return co_await respond(std::move(response), exchange);
    }
    exchange.pattern = match.route->pattern;
    request.params = std::move(match.params);
    request.peer = stream_->peer();
    request.peer_certificate = stream_->peer_certificate();
    const RouteOptions& options = match.route->options;
    auto handling = match.route->handler(std::move(request));
    if (options.ends_with_client) {
        auto staying = while_client_stays(std::move(handling), options.limit);
        auto response = co_await std::move(staying);
        if (client_left_) co_return Next::close;
        if (!response) response = Response::error(response.error());
        co_return co_await respond(std::move(*response), exchange);
    }
    auto response = co_await within(options.limit, std::move(handling));
    if (response) co_return co_await respond(std::move(*response), exchange);
    Response failed = Response::error(response.error());
    co_return co_await respond(std::move(failed), exchange);
}

// Answers what can't be understood or is too much. The connection ends, since we may have lost
// track of where the next request begins.
Task<Connection::Next> Connection::refuse(Refusal refusal) {
    ++shared_.counters.refused;
    shared_.counters.last_refusal = to_text(stream_->peer()) + ": " + refusal.message;
    Exchange exchange;
    exchange.began = shared_.loop.now();
    exchange.keep_alive = false;
    std::string_view code = refusal.status == 408 ? "timed_out" : "invalid_input";
    Response response = Response::error(refusal.status, code, refusal.message);
    CO_TRY_VOID(co_await respond(std::move(response), exchange));
    // A close with unread input would be a reset, and the client might never see our answer.
    stream_->finish();
    auto drain = [](net::Stream& stream) -> Task<> {
        const auto most = stream.bytes_read() + linger_bytes;
        while (stream.bytes_read() < most) {
            CO_TRY(auto bytes, co_await stream.read());
            if (bytes.empty()) break;
        }
        co_return Result<>{};
    };
    ignore(co_await within(linger, drain(*stream_)), "we hang up in any case");
    co_return Next::close;
}

Task<Connection::Next> Connection::respond(Response response, Exchange exchange) {
    const bool sends_body = exchange.method != Method::head && !bodyless(response.status);
    std::string framing;
    bool chunked = false;
    if (!response.producer) response.length = response.body.size();
    if (response.length) {
        if (!bodyless(response.status))
            framing = "Content-Length: " + std::to_string(*response.length) + "\r\n";
    } else if (exchange.chunks_allowed) {
        framing = "Transfer-Encoding: chunked\r\n";
        chunked = true;
    } else {
        exchange.keep_alive = false;  // HTTP/1.0: the body ends with the connection
    }
    std::string head = response_head_text(response, framing, !exchange.keep_alive,
                                          shared_.options.server_name, shared_.loop.clock().now());
    if (exchange.keep_alive && !exchange.chunks_allowed)
        head.insert(head.size() - 2, "Connection: keep-alive\r\n");
    count(exchange, response.status);
    if (sends_body && !response.producer) head += response.body;
    CO_TRY_VOID(co_await send_body(std::move(head)));
    if (sends_body && response.producer) {
        Writer writer(*this, response.length, chunked);
        ++shared_.counters.streaming;
        auto streamed = co_await stream_body(*response.producer, writer);
        --shared_.counters.streaming;
        if (!streamed) {
            stream_->close();  // without the last chunk: nobody takes a part for the whole
            co_return Next::close;
        }
    }
    co_return exchange.keep_alive ? Next::go_on : Next::close;
}

Task<> Connection::send_body(std::string body) {
    for (std::size_t at = 0; at < body.size(); at += write_piece) {
        if (stream_->unsent() > 0)
            CO_TRY_VOID(co_await within(shared_.options.write_time, stream_->writable()));
        CO_TRY_VOID(stream_->write(std::string_view(body).substr(at, write_piece)));
    }
    co_return Result<>{};
}

// The producer runs while we watch for the client's end: an event stream may have nothing to send
// for hours, and a client that left must not hold it.
Task<> Connection::stream_body(BodyProducer& producer, Writer& writer) {
    Result<> outcome = Error{Errc::cancelled, "the client has gone"};
    Event settled;
    busy_ = false;  // an event stream has no end to wait for
    Scope racing(shared_.loop);
    racing.spawn(run_producer(producer, writer, outcome, settled));
    racing.spawn(watch_client([&settled] { settled.set(); }));
    CO_TRY_VOID(co_await settled.wait());
    Result<> decided = outcome;
    racing.cancel();
    CO_TRY_VOID(co_await racing.join());
    busy_ = true;
    if (decided) decided = writer.end();
    co_return decided;
}

Task<Response> Connection::while_client_stays(Task<Response> handling, nanoseconds limit) {
    StopSwitch stop;
    Scope watching(shared_.loop);
    watching.spawn(watch_client([this, &stop] {
        client_left_ = true;
        stop.stop();
    }));
    auto limited = within(limit, std::move(handling));
    auto response = co_await stopped_by(stop, std::move(limited));
    watching.cancel();
    ignore(co_await watching.join(), "cancelled with us");
    co_return response;
}

Task<> Connection::run_producer(BodyProducer& producer, Writer& writer, Result<>& outcome,
                                Event& settled) {
    auto produced = co_await producer.produce(writer);
    if (settled.is_set()) co_return Result<>{};
    outcome = std::move(produced);
    settled.set();
    co_return Result<>{};
}

Task<> Connection::watch_client(std::function<void()> left) {
    for (;;) {
        auto bytes = co_await stream_->read();
        if (!bytes && bytes.error().code == Errc::cancelled && stream_->is_open()) break;
        if (!bytes || bytes->empty()) {
            left();
            break;
        }
        reader_.keep(*bytes);  // the next request, sent ahead
        // More than that waits in the kernel. Then we hear of the client's end when we write.
        if (reader_.kept() > shared_.options.header_limit) break;
    }
    co_return Result<>{};
}

void Connection::count(const Exchange& exchange, int status) {
    ++shared_.counters.requests;
    ++shared_.counters.by_status[std::clamp(status / 100, 0, 5)];
    if (!shared_.on_served) return;
    nanoseconds took = shared_.loop.clock().steady() - exchange.began;
    shared_.on_served(Served{exchange.method, exchange.pattern, status, took});
}

}  // namespace mw::http
