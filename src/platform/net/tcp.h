#pragma once
// Listening and connecting over TCP, with TLS where a context is given. A Listener belongs to its
// loop; it hands out streams whose handshake is done. Limits: connections, unfinished handshakes,
// their time, and streams nobody has accepted yet (then the kernel's backlog fills).

#include <functional>
#include <memory>
#include <string>

#include "platform/net/stream.h"
#include "platform/net/tls.h"

namespace mw::net {

// Makes of a stream what rides on it, as WebSocket does; an error turns the peer away.
using Upgrade = std::function<Task<std::unique_ptr<Stream>>(std::unique_ptr<Stream>)>;

struct ListenOptions {
    std::string host = "127.0.0.1";  // numeric; "::" and "0.0.0.0" are all interfaces
    std::uint16_t port = 0;          // 0: any free one, see Listener::address()
    bool reuse_port = false;         // several loops, one port: the kernel spreads connections
    std::shared_ptr<const TlsContext> tls{};    // null: plain TCP
    std::size_t connections = 100'000;          // open at once; more are closed at once
    std::size_t handshakes = 1024;              // unfinished at once; more wait in the backlog
    nanoseconds handshake_limit = seconds(10);  // for TLS and upgrade together
    Upgrade upgrade{};                          // once TLS is done; part of the handshake
};

struct ListenerCounters {
    std::uint64_t accepted = 0;             // with the handshake done
    std::uint64_t refused_full = 0;         // over `connections`
    std::uint64_t refused_descriptors = 0;  // the process has no descriptors left
    std::uint64_t refused_address = 0;      // by admit_if()
    std::uint64_t failed_handshakes = 0;
    std::size_t open = 0;
    std::size_t sessions_kept = 0;  // of TLS, for who comes back
    std::string last_failure{};     // of a handshake, with the peer's address
};

class Listener {
 public:
    static Result<std::unique_ptr<Listener>> open(Loop& loop, ListenOptions options);
    ~Listener();
    Listener(const Listener&) = delete;

    // The next connection. Errc::cancelled after close().
    Task<std::unique_ptr<Stream>> accept();
    void close();  // accepts no more; streams handed out live on
    const Address& address() const;
    void set_tls(std::shared_ptr<const TlsContext> tls);  // for connections from now on
    // Asked with each peer's address before its handshake; no: it is closed at once.
    void admit_if(std::function<bool(const Address&)> may);
    ListenerCounters counters() const;

 private:
    class Door;
    explicit Listener(std::unique_ptr<Door> door);
    std::unique_ptr<Door> door_;
};

struct ConnectOptions {
    std::string host{};  // numeric or a name
    std::uint16_t port = 0;
    std::shared_ptr<const TlsContext> tls{};  // null: plain TCP
    std::string server_name{};                // to be verified in the certificate; empty: host
    Workers* resolver = nullptr;              // looks names up; without it host must be numeric
    nanoseconds limit = seconds(10);          // for all of it
};
// A connected stream, its handshake done. Tries each address of the name in turn.
Task<std::unique_ptr<Stream>> connect(ConnectOptions options);

}  // namespace mw::net
