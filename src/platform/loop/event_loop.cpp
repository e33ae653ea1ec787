#include "platform/loop/event_loop.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "platform/loop/short_turns.h"

namespace mw {
namespace {

thread_local Loop* running_loop = nullptr;

class Running {
 public:
    explicit Running(Loop& loop) : before_(running_loop) { running_loop = &loop; }
    ~Running() { running_loop = before_; }

 private:
    Loop* before_;
};

constexpr int max_events = 256;
// Coroutines that wake each other take turns this often before descriptors are looked at again.
constexpr int ready_rounds = 16;

}  // namespace

Result<std::unique_ptr<Loop>> Loop::open(LoopOptions options) {
    TRY(auto mailbox, Mailbox::open(options.mailbox));
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return Error{Errc::io_failed, std::string("epoll_create1: ") + std::strerror(errno)};
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;  // null means the mailbox
    if (epoll_ctl(fd, EPOLL_CTL_ADD, mailbox->fd(), &event) < 0) {
        ::close(fd);
        return Error{Errc::io_failed, std::string("epoll_ctl: ") + std::strerror(errno)};
    }
    return std::unique_ptr<Loop>(new Loop(options, fd, std::move(mailbox)));
}

Loop::Loop(LoopOptions options, int epoll_fd, std::shared_ptr<Mailbox> mailbox)
    : options_(options),
      clock_(options.simulated ? options.simulated
             : options.clock   ? options.clock
                               : &real_clock_),
      epoll_fd_(epoll_fd),
      mailbox_(std::move(mailbox)),
      read_buffer_(new std::uint8_t[read_buffer_size]),
      now_(clock_->steady()),
      events_(max_events),
      guests_(*this) {}

Loop::~Loop() {
    Running running(*this);
    mailbox_->close();
    guests_.reset();  // while there still is a loop for what runs in it
    ::close(epoll_fd_);
}

Loop& Loop::here() {
    ASSERT(running_loop != nullptr);
    return *running_loop;
}
Loop* Loop::here_or_null() { return running_loop; }

void Loop::run() {
    ask_for_short_turns();
    const bool never = false;
    run_until(never);
}

void Loop::run_until(const bool& done) {
    ASSERT(running_loop == nullptr);  // a loop inside a loop would resume coroutines out of order
    while (!done && !stop_.exchange(false, std::memory_order_acquire)) turn(true);
}

void Loop::stop() noexcept {
    stop_.store(true, std::memory_order_release);
    mailbox_->wake();
}

bool Loop::turn(bool may_wait) {
    Running running(*this);
    bool worked = wait_for_events(may_wait);
    now_ = clock_->steady();
    worked |= dispatch();
    worked |= timers_.fire(now_);
    worked |= run_ready();
    end_turn();
    measure_turn();
    return worked;
}

bool Loop::wait_for_events(bool may_wait) {
    const bool simulated = options_.simulated && outside_ == 0;
    const bool idle = may_wait && !simulated && ready_.empty() && dirty_.empty();
    event_at_ = 0;
    event_count_ = idle ? wait_until_timer() : epoll_wait(epoll_fd_, events_.data(), max_events, 0);
    if (event_count_ < 0) {
        ASSERT(errno == EINTR);
        event_count_ = 0;
    }
    if (event_count_ > 0 || !options_.simulated || outside_ > 0) return event_count_ > 0;
    return may_wait && ready_.empty() && dirty_.empty() && advance_virtual_time();
}

bool Loop::advance_virtual_time() {
    auto next = timers_.next();
    if (!next) {
        // Nothing can ever happen, unless a descriptor or another thread brings it.
        bool outside_world = watched_ > 0 || stop_.load(std::memory_order_relaxed);
        if (!outside_world) std::fprintf(stderr, "everything waits and there is no timer\n");
        ASSERT(outside_world);
        event_count_ = std::max(0, epoll_wait(epoll_fd_, events_.data(), max_events, 10));
        return event_count_ > 0;
    }
    nanoseconds step = *next - clock_->steady();
    if (step.count() > 0) options_.simulated->advance(step);
    return true;
}

// Under a millisecond to the nanosecond; else rounded up: waking early would spin until the timer
// is due.
int Loop::wait_until_timer() {
    const auto wait = [this](int ms) {
        return epoll_wait(epoll_fd_, events_.data(), max_events, ms);
    };
    auto next = timers_.next();
    if (clock_->steady() < awake_until_) return wait(0);
    if (!next) return wait(-1);
    const std::int64_t left = (*next - clock_->steady()).count();
    if (left <= 0) return wait(0);
    if (left < 1'000'000) {
        const timespec time{0, left};
        const int count = epoll_pwait2(epoll_fd_, events_.data(), max_events, &time, nullptr);
        if (count >= 0 || errno != ENOSYS) return count;  // Linux 5.11
    }
    return wait(static_cast<int>(std::min<std::int64_t>((left + 999'999) / 1'000'000, 3'600'000)));
}

bool Loop::dispatch() {
    bool worked = false;
    for (event_at_ = 0; event_at_ < event_count_; ++event_at_) {
        epoll_event& event = events_[event_at_];
        if (event.events == 0) continue;  // unwatched earlier in this turn
        worked = true;
        if (event.data.ptr)
            static_cast<Watcher*>(event.data.ptr)->on_ready(event.events);
        else
            deliver_mail();
    }
    event_count_ = 0;
    return worked;
}

void Loop::deliver_mail() {
    if (!mailbox_->take(mail_)) return;
    for (auto& mail : mail_) {
        mail->arrive();
        mail.reset();
    }
    mail_.clear();
}

bool Loop::run_ready() {
    bool worked = false;
    for (int round = 0; round < ready_rounds && !ready_.empty(); ++round) {
        List<Waiter> now;
        now.append(ready_);
        while (Waiter* waiter = now.front()) waiter->resume();
        worked = true;
    }
    return worked;
}

void Loop::end_turn() {
    List<TurnEnd> now;
    now.append(dirty_);
    while (TurnEnd* end = now.pop_front()) end->on_turn_end();
}

void Loop::measure_turn() {
    nanoseconds took = clock_->steady() - now_;
    auto bump = [](auto& counter) {
        counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    };
    bump(counters_.turns);
    if (took > options_.slow_turn) bump(counters_.slow_turns);
    if (took.count() > counters_.slowest_turn_ns.load(std::memory_order_relaxed))
        counters_.slowest_turn_ns.store(took.count(), std::memory_order_relaxed);
}

Result<> Loop::watch(int fd, std::uint32_t events, Watcher& watcher) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &watcher;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) < 0)
        return Error{Errc::io_failed, std::string("epoll_ctl: ") + std::strerror(errno)};
    ++watched_;
    return {};
}

void Loop::rewatch(int fd, std::uint32_t events, Watcher& watcher) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &watcher;
    ASSERT(epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void Loop::unwatch(int fd, Watcher& watcher) {
    ASSERT(epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr) == 0);
    --watched_;
    for (int i = event_at_; i < event_count_; ++i)
        if (events_[i].data.ptr == &watcher) events_[i].events = 0;
}

}  // namespace mw
