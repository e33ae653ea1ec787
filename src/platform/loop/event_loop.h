#pragma once
// Loop is one thread with one level-triggered epoll, a mailbox, timers, signals and coroutines.
// The thread that runs it owns it and all state that belongs to it; other threads may only stop(),
// post() and run_on(). A turn over 200 us is counted as slow: blocking work goes to Workers.
//
// Every wait below can be cancelled (Scope::cancel, within) and gives Result with Errc::cancelled.
// Nobody is resumed inside somebody else's call: waking means "later in this turn".

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "platform/loop/list.h"
#include "platform/loop/mailbox.h"
#include "platform/loop/scope.h"
#include "platform/loop/task.h"
#include "platform/loop/timer.h"
#include "platform/loop/waiter.h"

namespace mw {

struct LoopOptions {
    Clock* clock = nullptr;               // null: the real one
    SimulatedClock* simulated = nullptr;  // if set, it is the clock and time is virtual: when
                                          // nothing is ready, it advances to the next timer
    std::size_t mailbox = 65536;          // posts from other threads that wait here at most
    nanoseconds slow_turn = microseconds(200);
};

// Hears of its descriptor. Platform modules only.
class Watcher {
 public:
    virtual ~Watcher() = default;
    virtual void on_ready(std::uint32_t epoll_events) = 0;
};

// Runs once at the end of the turn in which it was marked: one send per dirty connection.
class TurnEnd : public ListNode {
 public:
    virtual ~TurnEnd() = default;
    virtual void on_turn_end() = 0;
};

// Written by the loop, read by anyone.
struct LoopCounters {
    std::atomic<std::uint64_t> turns{0};
    std::atomic<std::uint64_t> slow_turns{0};
    std::atomic<std::int64_t> slowest_turn_ns{0};
    std::atomic<std::uint64_t> failed_tasks{0};  // ended in an error nobody asked for
};

class Loop {
 public:
    static Result<std::unique_ptr<Loop>> open(LoopOptions options = {});
    ~Loop();
    Loop(const Loop&) = delete;

    void run();  // until stop(); may run again afterwards
    void run_until(const bool& done);
    void stop() noexcept;      // any thread
    bool turn(bool may_wait);  // one turn; false if nothing happened. For tests.

    // Any thread: runs `job()` on this loop. False, and the job is destroyed, when the mailbox is
    // full.
    template <class F>
    bool post(F job) {
        return mailbox_->post(std::make_unique<FunctionMail<F>>(std::move(job)));
    }

    // The loop that runs on this thread. A bug if there is none.
    static Loop& here();
    static Loop* here_or_null();
    Clock& clock() { return *clock_; }
    SteadyTime now() const { return now_; }  // when this turn began
    // Until then the thread polls and never sleeps, for what is due any moment: waking up takes a
    // processor longer than some answers may. A time that has passed ends it. Not in virtual time.
    void stay_awake_until(SteadyTime time) { awake_until_ = time; }
    const LoopCounters& counters() const { return counters_; }
    const std::shared_ptr<Mailbox>& mailbox() { return mailbox_; }

    // Platform modules only, on the loop's thread.
    Result<> watch(int fd, std::uint32_t events, Watcher& watcher);
    void rewatch(int fd, std::uint32_t events, Watcher& watcher);
    void unwatch(int fd, Watcher& watcher);
    void arm(Timer& timer, nanoseconds from_now) {
        timers_.arm(timer, clock_->steady() + from_now);
    }
    void disarm(Timer& timer) { timers_.disarm(timer); }
    void at_turn_end(TurnEnd& end) {
        if (!end.listed()) dirty_.push_back(end);
    }
    void make_ready(Waiter& waiter) { ready_.push_back(waiter); }
    // Work that other threads do for this loop; virtual time stands still meanwhile.
    void outside_began() { ++outside_; }
    void outside_ended() { --outside_; }
    void task_failed() { counters_.failed_tasks.fetch_add(1, std::memory_order_relaxed); }
    Scope& guests() { return *guests_; }  // what other loops run here
    // Memory that every stream of this loop reads into; valid until the reader waits again.
    std::span<std::uint8_t> read_buffer() { return {read_buffer_.get(), read_buffer_size}; }
    static constexpr std::size_t read_buffer_size = 256 * 1024;

 private:
    Loop(LoopOptions options, int epoll_fd, std::shared_ptr<Mailbox> mailbox);
    int wait_until_timer();
    bool wait_for_events(bool may_wait);
    bool advance_virtual_time();
    bool dispatch();
    void deliver_mail();
    bool run_ready();
    void end_turn();
    void measure_turn();

    LoopOptions options_;
    RealClock real_clock_;
    Clock* clock_;
    int epoll_fd_;
    std::shared_ptr<Mailbox> mailbox_;
    std::unique_ptr<std::uint8_t[]> read_buffer_;
    std::atomic<bool> stop_{false};
    SteadyTime now_;
    SteadyTime awake_until_;
    LoopCounters counters_;
    std::vector<epoll_event> events_;
    int event_count_ = 0;
    int event_at_ = 0;
    int watched_ = 0;
    int outside_ = 0;
    TimerHeap timers_;
    List<Waiter> ready_;
    List<TurnEnd> dirty_;
    std::vector<std::unique_ptr<Mail>> mail_;
    std::optional<Scope> guests_;
};

}  // namespace mw
