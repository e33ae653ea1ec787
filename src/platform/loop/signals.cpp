#include "platform/loop/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace mw {

namespace {

sigset_t set_of(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : signals) sigaddset(&set, signal);
    return set;
}

}  // namespace

Result<> block_signals(std::initializer_list<int> signals) {
    const sigset_t set = set_of(signals);
    if (int error = pthread_sigmask(SIG_BLOCK, &set, nullptr))
        return Error{Errc::io_failed, std::string("pthread_sigmask: ") + std::strerror(error)};
    return {};
}

Result<std::unique_ptr<Signals>> Signals::open(Loop& loop, std::initializer_list<int> signals) {
    TRY_VOID(block_signals(signals));
    const sigset_t set = set_of(signals);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return Error{Errc::io_failed, std::string("signalfd: ") + std::strerror(errno)};
    std::unique_ptr<Signals> opened(new Signals(loop, fd));
    TRY_VOID(loop.watch(fd, EPOLLIN, *opened));
    opened->watched_ = true;
    return opened;
}

Signals::~Signals() {
    if (watched_) loop_.unwatch(fd_, *this);
    ::close(fd_);
}

void Signals::on_ready(std::uint32_t) {
    signalfd_siginfo info;
    while (::read(fd_, &info, sizeof info) == sizeof info)
        arrived_.try_send(static_cast<int>(info.ssi_signo));
}

}  // namespace mw
