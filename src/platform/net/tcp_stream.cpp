#include "platform/net/tcp_stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mw::net {

Fd::~Fd() {
    if (fd_ >= 0) ::close(fd_);
}

std::string errno_text(int error) {
    switch (error) {
        case ECONNREFUSED:
            return "nobody listens there";
        case ECONNRESET:
            return "the peer cut the connection";
        case EPIPE:
            return "the peer has closed the connection";
        case ETIMEDOUT:
            return "the peer doesn't answer any more";
        case EADDRINUSE:
            return "the address is in use by another program";
        case EACCES:
            return "no permission (ports below 1024 need it)";
        case EMFILE:
            return "this process has no file descriptors left (ulimit -n)";
        default:
            return std::strerror(error);
    }
}

Error system_error(std::string_view step, int error) {
    return {Errc::io_failed, std::string(step) + ": " + errno_text(error)};
}

Address address_of(const sockaddr_storage& from) {
    char text[INET6_ADDRSTRLEN] = "";
    if (from.ss_family == AF_INET6) {
        auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
        inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        return {text, ntohs(v6.sin6_port)};
    }
    auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port)};
}

TcpStream::TcpStream(Loop& loop, Fd fd, Address peer, Seat seat)
    : Stream(loop, std::move(peer)), fd_(std::move(fd)), seat_(std::move(seat)) {
    int on = 1;  // we batch by turn; Nagle would only add its delay
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

TcpStream::~TcpStream() { close(); }

void TcpStream::shut() {
    stop_watching();
    fd_ = Fd();
    seat_ = Seat();
}

void TcpStream::want(std::uint32_t events) {
    if ((interest_ & events) != events) set_interest(interest_ | events);
}

void TcpStream::set_interest(std::uint32_t events) {
    interest_ = static_cast<std::uint16_t>(events);
    if (watched_) return loop().rewatch(fd_.get(), events, *this);
    auto outcome = loop().watch(fd_.get(), events, *this);
    watched_ = outcome.ok();
    if (!outcome) broke(std::move(outcome).error());
}

void TcpStream::stop_watching() {
    if (watched_) loop().unwatch(fd_.get(), *this);
    watched_ = false;
    interest_ = 0;
}

void TcpStream::on_ready(std::uint32_t events) {
    if (events & EPOLLOUT) {
        set_interest(interest_ & ~static_cast<std::uint32_t>(EPOLLOUT));
        socket_sendable();
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !is_open()) return;
    if (wants_input()) return receive();
    // Level-triggered: what nobody reads would be reported in each turn. An error or hang-up can't
    // be masked, so then the descriptor leaves the epoll until somebody reads.
    if (events & (EPOLLHUP | EPOLLERR))
        stop_watching();
    else
        set_interest(interest_ & ~static_cast<std::uint32_t>(EPOLLIN));
}

void TcpStream::receive() {
    auto buffer = loop().read_buffer();
    ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n > 0) return received(ByteView(buffer.data(), static_cast<std::size_t>(n)));
    if (n == 0) {
        set_interest(interest_ & ~static_cast<std::uint32_t>(EPOLLIN));
        return received_end();
    }
    if (errno == EAGAIN || errno == EINTR) return;
    stop_watching();
    broke(system_error("read from " + to_text(peer_), errno));
}

Result<std::size_t> TcpStream::send(ByteView bytes) { return send_raw(bytes); }

Result<std::size_t> TcpStream::send_raw(ByteView bytes) {
    for (;;) {
        ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return system_error("write to " + to_text(peer_), errno);
        want(EPOLLOUT);
        return std::size_t{0};
    }
}

void TcpStream::send_end() { ::shutdown(fd_.get(), SHUT_WR); }

}  // namespace mw::net
