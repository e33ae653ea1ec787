#include "platform/loop/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mw {

Result<std::shared_ptr<Mailbox>> Mailbox::open(std::size_t capacity) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return Error{Errc::io_failed, std::string("eventfd: ") + std::strerror(errno)};
    return std::make_shared<Mailbox>(fd, capacity);
}

Mailbox::~Mailbox() { ::close(fd_); }

bool Mailbox::post(std::unique_ptr<Mail> mail) { return put(mail, true); }
bool Mailbox::answer(std::unique_ptr<Mail> mail) { return put(mail, false); }

bool Mailbox::put(std::unique_ptr<Mail>& mail, bool bounded) {
    bool signal = false;
    {
        std::lock_guard lock(mutex_);
        if (closed_ || (bounded && mail_.size() >= capacity_)) return ++refused_, false;
        mail_.push_back(std::move(mail));
        if (mail_.size() > high_water_) high_water_ = mail_.size();
        signal = !std::exchange(signalled_, true);
    }
    if (signal) wake();
    return true;
}

void Mailbox::wake() {
    std::uint64_t one = 1;
    // Fails only if the counter is full, and then the receiver is awake already.
    [[maybe_unused]] auto written = ::write(fd_, &one, sizeof one);
}

bool Mailbox::take(std::vector<std::unique_ptr<Mail>>& into) {
    std::uint64_t count;
    [[maybe_unused]] auto read = ::read(fd_, &count, sizeof count);
    std::lock_guard lock(mutex_);
    signalled_ = false;
    into.swap(mail_);
    return !into.empty();
}

void Mailbox::close() {
    std::vector<std::unique_ptr<Mail>> unread;
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
        unread.swap(mail_);
    }
    // Destroyed outside the lock: it may answer its sender.
}

std::size_t Mailbox::high_water() const {
    std::lock_guard lock(mutex_);
    return high_water_;
}

std::uint64_t Mailbox::refused() const {
    std::lock_guard lock(mutex_);
    return refused_;
}

}  // namespace mw
