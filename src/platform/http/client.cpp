#include "platform/http/client.h"

#include "platform/http/wire.h"

namespace mw::http {
namespace {

constexpr std::size_t request_piece = 256 * 1024;

// Where a connection waits for the next request; outlives the client while a body is being read.
struct Idle {
    std::unique_ptr<net::Stream> stream;
};

// One request and its response on one connection.
class Exchange final : public Incoming {
 public:
    Exchange(std::unique_ptr<net::Stream> stream, std::size_t header_limit, nanoseconds idle_limit)
        : stream_(std::move(stream)),
          reader_(MessageReader::Kind::response, header_limit),
          idle_limit_(idle_limit) {}

    void keep_connection_in(std::shared_ptr<Idle> idle) { idle_ = std::move(idle); }
    bool got_bytes() const { return stream_->bytes_read() > bytes_before_; }
    MessageReader& reader() { return reader_; }

    Task<> send(std::string head, std::string body) {
        bytes_before_ = stream_->bytes_read();
        if (body.size() <= request_piece) head += body, body.clear();
        CO_TRY_VOID(stream_->write(head));
        for (std::size_t at = 0; at < body.size(); at += request_piece) {
            CO_TRY_VOID(co_await stream_->writable());
            CO_TRY_VOID(stream_->write(std::string_view(body).substr(at, request_piece)));
        }
        co_return Result<>{};
    }

    Task<> read_head(bool no_body) {
        for (;;) {
            if (no_body) reader_.expect_no_body();
            while (!reader_.head_done()) CO_TRY_VOID(co_await read_more());
            head_ = reader_.response_head();
            if (head_.status / 100 != 1) break;
            reader_.next();  // 100 Continue and the like: the answer follows
            CO_TRY_VOID(understood(reader_.feed({})));
        }
        co_return Result<>{};
    }

    Task<std::string> read() override {
        for (;;) {
            std::string piece = reader_.take_body();
            if (!piece.empty()) co_return piece;
            if (!stream_) co_return std::string();
            if (reader_.done()) {
                settle();
                co_return std::string();
            }
            if (reader_.kept() > 0) {
                auto before = reader_.kept();
                CO_TRY_VOID(understood(reader_.feed({})));
                if (reader_.kept() < before) continue;
            }
            CO_TRY_VOID(co_await within(idle_limit_, read_more()));
        }
    }

    // The connection serves the next request if this response has ended cleanly.
    void settle() {
        if (!reader_.done() || !stream_) return;
        bool clean = reader_.keep_alive() && !ended_ && reader_.kept() == 0;
        if (clean && idle_ && !idle_->stream) idle_->stream = std::move(stream_);
        if (stream_) stream_->close();
        stream_.reset();
    }

 private:
    Task<> read_more() {
        CO_TRY(auto bytes, co_await stream_->read());
        if (!bytes.empty()) co_return understood(reader_.feed(bytes));
        ended_ = true;
        co_return understood(reader_.feed_end());
    }
    Result<> understood(const std::optional<Refusal>& refusal) const {
        if (!refusal) return {};
        return Error{Errc::io_failed,
                     "response of " + net::to_text(stream_->peer()) + ": " + refusal->message};
    }
    std::unique_ptr<net::Stream> stream_;
    MessageReader reader_;
    nanoseconds idle_limit_;
    std::shared_ptr<Idle> idle_;
    std::uint64_t bytes_before_ = 0;
    bool ended_ = false;
};

}  // namespace

struct Client::Parts {
    Loop& loop;
    ClientOptions options;
    std::shared_ptr<Idle> idle = std::make_shared<Idle>();

    std::string head_for(const Request& request) const {
        Headers headers;
        const auto& server = options.server;
        bool usual_port = server.port == (server.tls ? 443 : 80);
        bool v6 = server.host.find(':') != std::string::npos;
        headers.set("Host", (v6 ? "[" + server.host + "]" : server.host) +
                                (usual_port ? "" : ":" + std::to_string(server.port)));
        headers.set("User-Agent", "millwright");
        for (const auto& [name, value] : options.headers) headers.set(name, value);
        for (const auto& [name, value] : request.headers) headers.set(name, value);
        if (!request.body.empty() || request.method == Method::post ||
            request.method == Method::put || request.method == Method::patch)
            headers.set("Content-Length", std::to_string(request.body.size()));
        if (!options.keep_alive) headers.set("Connection", "close");
        return request_head_text(request.method, make_target(request.path, request.query), headers);
    }

    Task<std::unique_ptr<Exchange>> exchange(std::unique_ptr<net::Stream> stream, Request request,
                                             nanoseconds idle_limit, bool& unheard) {
        auto exchange =
            std::make_unique<Exchange>(std::move(stream), options.header_limit, idle_limit);
        if (options.keep_alive) exchange->keep_connection_in(idle);
        const bool no_body = request.method == Method::head;
        std::string head = head_for(request);
        // We read while we send: a server that refuses a large body answers before it has it all.
        auto heard_by_reader = [](const Error&) {};  // a broken stream fails the read as well
        Scope sending(loop, heard_by_reader);
        sending.spawn(exchange->send(std::move(head), std::move(request.body)));
        auto answered = co_await exchange->read_head(no_body);
        if (sending.size() > 0) exchange->keep_connection_in(nullptr);
        sending.cancel();
        unheard = !answered && !exchange->got_bytes();
        if (!answered) co_return std::move(answered).error();
        exchange->settle();
        co_return std::move(exchange);
    }

    Task<std::unique_ptr<Exchange>> start(Request request, nanoseconds idle_limit) {
        bool unheard = false;
        if (auto kept = std::move(idle->stream)) {
            Request again = request;
            auto first = co_await exchange(std::move(kept), std::move(again), idle_limit, unheard);
            bool closed_before = !first && unheard && first.error().code != Errc::cancelled;
            if (!closed_before) co_return std::move(first);
        }
        CO_TRY(auto stream, co_await net::connect(options.server));
        co_return co_await exchange(std::move(stream), std::move(request), idle_limit, unheard);
    }

    Task<Response> whole(Request request) {
        CO_TRY(auto exchange, co_await start(std::move(request), options.limit));
        Response response;
        response.status = exchange->head().status;
        response.headers = exchange->head().headers;
        for (;;) {
            CO_TRY(auto piece, co_await exchange->read());
            if (piece.empty()) break;
            if (response.body.size() + piece.size() > options.body_limit)
                co_return Error{
                    Errc::overloaded,
                    "the response is larger than " + std::to_string(options.body_limit) + " bytes"};
            response.body += piece;
        }
        co_return std::move(response);
    }
};

Client::Client(Loop& loop, ClientOptions options) : parts_(new Parts{loop, std::move(options)}) {}
Client::~Client() = default;

Task<Response> Client::request(Request request) {
    nanoseconds limit = parts_->options.limit;
    std::string step(to_string(request.method));
    step += ' ' + request.path;
    auto response = co_await within(limit, parts_->whole(std::move(request)));
    if (!response) co_return std::move(response).error().context(step);
    co_return std::move(response);
}

Task<std::unique_ptr<Incoming>> Client::open(Request request, nanoseconds idle_limit) {
    nanoseconds limit = parts_->options.limit;
    std::string step(to_string(request.method));
    step += ' ' + request.path;
    auto exchange = co_await within(limit, parts_->start(std::move(request), idle_limit));
    if (!exchange) co_return std::move(exchange).error().context(step);
    std::unique_ptr<Incoming> incoming = *std::move(exchange);
    co_return std::move(incoming);
}

Task<std::optional<std::string>> Incoming::read_line() {
    constexpr std::size_t longest = 1 << 20;
    std::size_t searched = 0;
    for (;;) {
        auto end = pending_.find('\n', searched);
        if (end != std::string::npos) {
            std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            if (line.ends_with('\r')) line.pop_back();
            co_return std::optional(std::move(line));
        }
        if (ended_) break;
        if (pending_.size() > longest)
            co_return Error{Errc::overloaded, "a line is longer than 1 MiB"};
        searched = pending_.size();
        CO_TRY(auto piece, co_await read());
        ended_ = piece.empty();
        pending_ += piece;
    }
    if (pending_.empty()) co_return std::optional<std::string>();
    co_return std::optional(std::exchange(pending_, {}));
}

Task<std::optional<ServerEvent>> Incoming::read_event() {
    ServerEvent event;
    bool has_data = false;
    for (;;) {
        CO_TRY(auto line, co_await read_line());
        if (!line) co_return std::optional<ServerEvent>();  // a part of an event is none
        if (line->empty()) {
            if (has_data) co_return std::optional(std::move(event));
            event = {};
            continue;
        }
        auto colon = std::min(line->find(':'), line->size());
        std::string field = line->substr(0, colon);
        std::string value = colon < line->size() ? line->substr(colon + 1) : "";
        if (value.starts_with(' ')) value.erase(0, 1);
        if (field == "data") event.data += (has_data ? "\n" : "") + value, has_data = true;
        if (field == "event") event.event = std::move(value);
        if (field == "id") event.id = std::move(value);
    }
}

Result<Response> expect_success(Response response) {
    if (response.status >= 200 && response.status < 300) return response;
    std::string message =
        std::to_string(response.status) + ' ' + std::string(reason_phrase(response.status));
    if (auto body = parse_json(response.body); body) {
        if (auto said = find_string(*body, "error.message")) message = *said;
        if (auto path = find_string(*body, "error.path")) message = *path + ": " + message;
    }
    return Error{errc_of(response.status), message};
}

}  // namespace mw::http
