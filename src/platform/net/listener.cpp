#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>

#include "platform/net/resolve.h"
#include "platform/net/tcp.h"
#include "platform/net/tls_stream.h"

namespace mw::net {

// The open socket with what came in and waits: handshakes under way, and streams to be accepted.
class Listener::Door final : public Watcher {
 public:
    Door(Loop& loop, Fd fd, Address address, ListenOptions options)
        : loop_(loop),
          fd_(std::move(fd)),
          address_(std::move(address)),
          options_(std::move(options)),
          spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
          open_(std::make_shared<Seat::Taken>(0)),
          ready_({.capacity = ready_most}) {}
    ~Door() override { close(); }

    Result<> start();
    void close();
    Task<std::unique_ptr<Stream>> accept();
    const Address& address() const { return address_; }
    void set_tls(std::shared_ptr<const TlsContext> tls) { options_.tls = std::move(tls); }
    void admit_if(std::function<bool(const Address&)> may) { may_ = std::move(may); }
    ListenerCounters counters() const;

 private:
    static constexpr std::size_t ready_most = 256;  // accepted by us, not yet by our owner
    static constexpr int accepts_per_turn = 64;     // so that a flood leaves time for others

    void on_ready(std::uint32_t events) override;
    bool has_room() const { return ready_.size() + shaking_.size() < room(); }
    bool shakes() const { return options_.tls || options_.upgrade; }
    std::size_t room() const { return shakes() ? options_.handshakes : ready_most; }
    bool accept_one();
    void shed_one();
    void admit(Fd fd, Address peer);
    Task<> shake(std::unique_ptr<Stream> stream, TlsStream* tls);
    void hand_out(std::unique_ptr<Stream> stream);
    void listen_on(bool on);

    Loop& loop_;
    Fd fd_;
    Address address_;
    ListenOptions options_;
    Fd spare_;  // given up to accept and close one connection when descriptors have run out
    std::shared_ptr<Seat::Taken> open_;
    ListenerCounters counters_;
    std::function<bool(const Address&)> may_;
    bool watched_ = false, listening_ = false;
    Channel<std::unique_ptr<Stream>> ready_;
    Scope shaking_{loop_};
};

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, ListenOptions options) {
    TRY(auto endpoint, numeric_endpoint(options.host, options.port));
    std::string step = "listen on " + to_text(Address{options.host, options.port});
    Fd fd(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return system_error(step, errno);
    int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (options.reuse_port) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (::bind(fd.get(), endpoint.get(), endpoint.size) < 0 || ::listen(fd.get(), SOMAXCONN) < 0)
        return system_error(step, errno);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) < 0)
        return system_error(step, errno);
    auto door = std::make_unique<Door>(loop, std::move(fd), address_of(bound), std::move(options));
    TRY_VOID(door->start());
    return std::unique_ptr<Listener>(new Listener(std::move(door)));
}

Listener::Listener(std::unique_ptr<Door> door) : door_(std::move(door)) {}
Listener::~Listener() = default;
Task<std::unique_ptr<Stream>> Listener::accept() { return door_->accept(); }
void Listener::close() { door_->close(); }
const Address& Listener::address() const { return door_->address(); }
void Listener::set_tls(std::shared_ptr<const TlsContext> tls) { door_->set_tls(std::move(tls)); }
void Listener::admit_if(std::function<bool(const Address&)> may) {
    door_->admit_if(std::move(may));
}
ListenerCounters Listener::counters() const { return door_->counters(); }

Result<> Listener::Door::start() {
    TRY_VOID(loop_.watch(fd_.get(), EPOLLIN, *this));
    watched_ = listening_ = true;
    return {};
}

void Listener::Door::close() {
    if (watched_) loop_.unwatch(fd_.get(), *this);
    watched_ = false;
    fd_ = Fd();
    shaking_.cancel();
    while (ready_.try_receive()) {
    }
    ready_.close();
}

ListenerCounters Listener::Door::counters() const {
    ListenerCounters now = counters_;
    now.open = *open_;
    if (options_.tls) now.sessions_kept = options_.tls->sessions_kept();
    return now;
}

void Listener::Door::listen_on(bool on) {
    if (!watched_ || on == listening_) return;
    listening_ = on;
    loop_.rewatch(fd_.get(), on ? std::uint32_t{EPOLLIN} : 0u, *this);
}

void Listener::Door::on_ready(std::uint32_t) {
    for (int i = 0; i < accepts_per_turn && watched_ && has_room(); ++i)
        if (!accept_one()) return;
    if (!has_room()) listen_on(false);  // the kernel's backlog holds the rest
}

bool Listener::Door::accept_one() {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    Fd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                    SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) return admit(std::move(fd), address_of(from)), true;
    if (errno == EMFILE || errno == ENFILE) return shed_one(), false;
    // The rest are errors of that one connection, as ECONNABORTED.
    return errno != EAGAIN;
}

void Listener::Door::shed_one() {
    ++counters_.refused_descriptors;
    spare_ = Fd();
    Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    spare_ = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void Listener::Door::admit(Fd fd, Address peer) {
    if (may_ && !may_(peer)) {
        ++counters_.refused_address;
        return;  // closes it
    }
    if (*open_ >= options_.connections) {
        ++counters_.refused_full;
        return;  // closes it
    }
    Seat seat(open_);
    if (options_.tls) {
        auto stream = std::make_unique<TlsStream>(loop_, std::move(fd), std::move(peer),
                                                  options_.tls, std::move(seat));
        TlsStream* tls = stream.get();
        return shaking_.spawn(shake(std::move(stream), tls));
    }
    auto stream =
        std::make_unique<TcpStream>(loop_, std::move(fd), std::move(peer), std::move(seat));
    if (options_.upgrade) return shaking_.spawn(shake(std::move(stream), nullptr));
    hand_out(std::move(stream));
}

namespace {
Task<std::unique_ptr<Stream>> make_ready(std::unique_ptr<Stream> stream, TlsStream* tls,
                                         const Upgrade& upgrade) {
    if (tls) CO_TRY_VOID(co_await tls->handshake(""));
    if (upgrade) co_return co_await upgrade(std::move(stream));
    co_return std::move(stream);
}
}  // namespace

Task<> Listener::Door::shake(std::unique_ptr<Stream> stream, TlsStream* tls) {
    const std::string peer = to_text(stream->peer());
    auto ready = make_ready(std::move(stream), tls, options_.upgrade);
    auto outcome = co_await within(options_.handshake_limit, std::move(ready));
    if (outcome) {
        hand_out(*std::move(outcome));
    } else if (outcome.error().code != Errc::cancelled) {
        ++counters_.failed_handshakes;
        counters_.last_failure = peer + ": " + outcome.error().message;
    }
    listen_on(true);
    co_return Result<>{};
}

void Listener::Door::hand_out(std::unique_ptr<Stream> stream) {
    if (ready_.try_send(std::move(stream)))
        ++counters_.accepted;
    else
        ++counters_.refused_full;
}

Task<std::unique_ptr<Stream>> Listener::Door::accept() {
    auto stream = co_await ready_.receive();
    if (has_room()) listen_on(true);
    co_return std::move(stream);
}

}  // namespace mw::net
