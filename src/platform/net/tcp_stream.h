#pragma once
// Private to this module: a Stream on a socket. TlsStream refines it.

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <utility>

#include "platform/net/stream.h"

namespace mw::net {

class Fd {
 public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd();
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

 private:
    int fd_;
};

// A place among the connections of a listener, which counts those taken; on whatever loop they are.
class Seat {
 public:
    using Taken = std::atomic<std::size_t>;
    Seat() = default;
    explicit Seat(std::shared_ptr<Taken> taken) : taken_(std::move(taken)) { ++*taken_; }
    Seat(Seat&&) noexcept = default;
    Seat& operator=(Seat&& other) noexcept {
        std::swap(taken_, other.taken_);
        return *this;
    }
    ~Seat() {
        if (taken_) --*taken_;
    }

 private:
    std::shared_ptr<Taken> taken_;
};

std::string errno_text(int error);
Address address_of(const sockaddr_storage& from);
Error system_error(std::string_view step, int error);

class TcpStream : public Stream, private Watcher {
 public:
    // The socket is connected and non-blocking. `seat` is given up with the stream.
    TcpStream(Loop& loop, Fd fd, Address peer, Seat seat = {});
    ~TcpStream() override;

 protected:
    void start_reading() override { want(EPOLLIN); }
    Result<std::size_t> send(ByteView bytes) override;
    void send_end() override;
    void shut() override;
    void leave_loop(Loop&) override { stop_watching(); }

    // What a refinement makes of raw bytes.
    virtual bool wants_input() const { return reader_waits(); }
    virtual void received(ByteView bytes) { arrived(bytes); }
    virtual void received_end() { ended(); }

    Result<std::size_t> send_raw(
        ByteView bytes);  // 0: waits for the socket, then socket_sendable()
    virtual void socket_sendable() { sendable(); }
    void want(std::uint32_t events);

 private:
    void on_ready(std::uint32_t events) override;
    void receive();
    void set_interest(std::uint32_t events);
    void stop_watching();

    Fd fd_;
    std::uint16_t interest_ = 0;  // EPOLLIN and EPOLLOUT
    bool watched_ = false;
    Seat seat_;
};

}  // namespace mw::net
