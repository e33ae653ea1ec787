#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "platform/process/process.h"

namespace mw::process {
namespace {

constexpr nanoseconds look_first = milliseconds{1}, look_most = milliseconds{50};

class OpenPipe {
 public:
    explicit OpenPipe(int fd) : fd_(fd) {}
    OpenPipe(OpenPipe&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    ~OpenPipe() {
        if (fd_ >= 0) ::close(fd_);
    }
    // A reader that left must be an error, not the end of this process.
    ssize_t write(ByteView bytes) const {
        sigset_t pipe, before;
        ::sigemptyset(&pipe);
        ::sigaddset(&pipe, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
        const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
        const int number = errno;
        if (written < 0 && number == EPIPE) {
            const timespec now{0, 0};
            while (::sigtimedwait(&pipe, nullptr, &now) < 0 && errno == EINTR) {
            }
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        errno = number;
        return written;
    }

 private:
    int fd_;
};

// A pipe has no event for "somebody reads now": it is looked at again and again.
Task<OpenPipe> wait_for_reader(std::string path) {
    for (nanoseconds delay = look_first;; delay = std::min(2 * delay, look_most)) {
        const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0) co_return OpenPipe{fd};
        if (errno != ENXIO && errno != EINTR)
            co_return Error{Errc::io_failed, "open '" + path + "': " + std::strerror(errno)};
        CO_TRY_VOID(co_await sleep_for(delay));
    }
}

}  // namespace

Result<> make_named_pipe(const std::string& path) {
    if (::mkfifo(path.c_str(), 0600) == 0) return {};
    return Error{errno == EEXIST ? Errc::conflict : Errc::io_failed,
                 "mkfifo '" + path + "': " + std::strerror(errno)};
}

Task<> write_named_pipe(std::string path, NextPiece next) {
    CO_TRY(const OpenPipe pipe, co_await wait_for_reader(path));
    for (;;) {
        CO_TRY(const Bytes piece, co_await next());
        if (piece.empty()) co_return Result<>{};
        ByteView left = piece;
        for (nanoseconds delay = look_first; !left.empty();) {
            const ssize_t written = pipe.write(left);
            if (written > 0) {
                left = left.subspan(static_cast<std::size_t>(written));
                delay = look_first;
            } else if (errno == EAGAIN || errno == EINTR) {
                CO_TRY_VOID(co_await sleep_for(delay));
                delay = std::min(2 * delay, look_most);
            } else {
                co_return Error{Errc::io_failed, "write '" + path + "': " + std::strerror(errno)};
            }
        }
    }
}

}  // namespace mw::process
