#include <cerrno>

#include "platform/net/resolve.h"
#include "platform/net/tcp.h"
#include "platform/net/tls_stream.h"

namespace mw::net {
namespace {

// Waits until a connecting socket has an outcome.
class Connected : public Waiter, private Watcher {
 public:
    Connected(Loop& loop, int fd) : loop_(loop), fd_(fd) {}
    Connected(Connected&& other) noexcept
        : Waiter(std::move(other)), loop_(other.loop_), fd_(other.fd_) {}
    ~Connected() override { leave(); }
    bool begin(std::coroutine_handle<> h, Cancellation& in) {
        if (!suspend(h, in)) return false;
        outcome_ = loop_.watch(fd_, EPOLLOUT, *this);
        watched_ = outcome_.ok();
        if (!watched_) wake();
        return true;
    }
    Result<> await_resume() {
        leave();
        if (cancelled()) return cancelled_error();
        return std::move(outcome_);
    }

 private:
    void on_ready(std::uint32_t) override {
        leave();
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) outcome_ = Error{Errc::io_failed, errno_text(error)};
        resume();
    }
    void leave() {
        if (std::exchange(watched_, false)) loop_.unwatch(fd_, *this);
    }
    Loop& loop_;
    int fd_;
    bool watched_ = false;
    Result<> outcome_;
};

Task<std::vector<Endpoint>> find_endpoints(std::string host, std::uint16_t port,
                                           Workers* resolver) {
    if (auto numeric = numeric_endpoint(host, port)) co_return std::vector<Endpoint>{*numeric};
    if (host == "localhost") {  // RFC 6761 6.3: always loopback, never a question to others
        std::vector<Endpoint> both;
        both.push_back(*numeric_endpoint("127.0.0.1", port));
        both.push_back(*numeric_endpoint("::1", port));
        co_return both;
    }
    if (!resolver)
        co_return Error{Errc::invalid_input, "'" + host +
                                                 "' is a name, and names aren't looked up here. "
                                                 "Give a numeric address"};
    auto job = [host, port] { return look_up(host, port); };
    co_return co_await resolver->run(std::move(job));
}

Task<Fd> connect_one(Endpoint endpoint) {
    Fd fd(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) co_return Error{Errc::io_failed, errno_text(errno)};
    if (::connect(fd.get(), endpoint.get(), endpoint.size) < 0) {
        if (errno != EINPROGRESS) co_return Error{Errc::io_failed, errno_text(errno)};
        CO_TRY_VOID(co_await Await<Connected>(Loop::here(), fd.get()));
    }
    co_return fd;
}

Task<std::unique_ptr<Stream>> connect_all(ConnectOptions options) {
    CO_TRY(auto endpoints, co_await find_endpoints(options.host, options.port, options.resolver));
    Error last{Errc::not_found, "no address"};
    for (const auto& endpoint : endpoints) {
        auto fd = co_await connect_one(endpoint);
        if (!fd) {
            last = std::move(fd).error();
            if (last.code == Errc::cancelled) co_return last;
            continue;
        }
        Address peer = address_of(endpoint.storage);
        if (!options.tls)
            co_return std::make_unique<TcpStream>(Loop::here(), *std::move(fd), std::move(peer));
        auto stream =
            std::make_unique<TlsStream>(Loop::here(), *std::move(fd), std::move(peer), options.tls);
        std::string name = options.server_name.empty() ? options.host : options.server_name;
        CO_TRY_VOID(co_await stream->handshake(name));
        co_return std::move(stream);
    }
    co_return last;
}

}  // namespace

Task<std::unique_ptr<Stream>> connect(ConnectOptions options) {
    nanoseconds limit = options.limit;
    std::string step = "connect to " + to_text(Address{options.host, options.port});
    auto stream = co_await within(limit, connect_all(std::move(options)));
    if (!stream) co_return std::move(stream).error().context(step);
    co_return std::move(stream);
}

}  // namespace mw::net
