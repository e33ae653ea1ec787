#pragma once
// Ways to wait: sleep_for, yield, within, Event and Channel. Each belongs to one loop and its
// thread. None allocates (a Channel allocates its items' memory). Channels are bounded and name
// their overflow.

#include <concepts>
#include <deque>
#include <memory>

#include "platform/loop/event_loop.h"

namespace mw {

// co_await sleep_for(2s): Result<>.
class Sleep : public Waiter, private Timer {
 public:
    explicit Sleep(nanoseconds duration) : duration_(duration) {}
    bool begin(std::coroutine_handle<> h, Cancellation& in);
    Result<> await_resume();

 private:
    void on_timer() override { resume(); }
    void on_cancel() override;
    nanoseconds duration_;
};
inline Await<Sleep> sleep_for(nanoseconds duration) { return Await<Sleep>(duration); }

// co_await yield(): lets everything else that is ready run first.
class Yield : public Waiter {
 public:
    bool begin(std::coroutine_handle<> h, Cancellation& in);
    Result<> await_resume();
};
inline Await<Yield> yield() { return {}; }

// co_await within(2s, anything awaitable): its outcome, or Errc::timed_out. At the limit the inside
// is cancelled, and its end awaited: nothing of it runs on behind the caller's back.
template <class Awaiter>
class Within : public CancelPoint, private Timer {
 public:
    Within(nanoseconds limit, Awaiter inner) : limit_(limit), inner_(std::move(inner)) {}
    Within(Within&&) = default;
    bool await_ready() { return inner_.await_ready(); }
    bool begin(std::coroutine_handle<> h, Cancellation& in) {
        enroll(in);
        if (in.requested()) inside_.request();
        Loop::here().arm(*this, limit_);
        if (inner_.begin(h, inside_)) return true;
        finish();
        return false;
    }
    auto await_resume() -> decltype(std::declval<Awaiter&>().await_resume()) {
        finish();
        auto outcome = inner_.await_resume();
        if (!outcome && expired_ && outcome.error().code == Errc::cancelled)
            return Error{Errc::timed_out, "no answer within " + to_text(limit_)};
        return outcome;
    }

 private:
    void finish() {
        withdraw();
        if (armed()) Loop::here().disarm(*this);
    }
    void on_timer() override { expired_ = true, inside_.request(); }
    void on_cancel() override { inside_.request(); }

    nanoseconds limit_;
    Cancellation inside_;
    Awaiter inner_;
    bool expired_ = false;
};
template <class A>
auto within(nanoseconds limit, A awaitable) {
    using Inner = detail::AwaiterOf<A>;
    return Await<Within<Inner>>(limit, detail::awaiter_of(std::move(awaitable)));
}

// A flag to wait for. set() wakes everyone; it stays set until reset().
class Event {
 public:
    void set();
    void reset() { set_ = false; }
    bool is_set() const { return set_; }

    class Wait : public Waiter {
     public:
        explicit Wait(Event& event) : event_(event) {}
        bool await_ready() const { return event_.set_; }
        bool begin(std::coroutine_handle<> h, Cancellation& in);
        Result<> await_resume();

     private:
        Event& event_;
    };
    Await<Wait> wait() { return Await<Wait>(*this); }

 private:
    bool set_ = false;
    List<Waiter> waiting_;
};

enum class Overflow {
    refuse,       // try_send says no
    drop_oldest,  // the oldest item goes, and is counted
};
struct ChannelOptions {
    std::size_t capacity = 64;
    Overflow overflow = Overflow::refuse;
};

// A bounded queue between coroutines of one loop. Any number of senders and receivers.
template <class T>
class Channel {
 public:
    explicit Channel(ChannelOptions options = {}) : options_(options) {
        ASSERT(options_.capacity > 0);
    }
    // False when closed, or full and the overflow is `refuse`; the item is destroyed then.
    bool try_send(T item) {
        if (closed_) return false;
        if (items_.size() >= options_.capacity) {
            if (options_.overflow == Overflow::refuse) return ++refused_, false;
            items_.pop_front(), ++dropped_;
        }
        put(std::move(item));
        return true;
    }
    // Waits for space. Errc::cancelled also when the channel is closed.
    Task<> send(T item) {
        while (!closed_ && items_.size() >= options_.capacity) {
            space_.reset();
            CO_TRY_VOID(co_await space_.wait());
        }
        if (closed_) co_return closed_error();
        put(std::move(item));
        co_return Result<>{};
    }
    // The oldest item. Errc::cancelled once the channel is closed and empty.
    Task<T> receive() {
        while (items_.empty()) {
            if (closed_) co_return closed_error();
            arrived_.reset();
            CO_TRY_VOID(co_await arrived_.wait());
        }
        co_return take();
    }
    // What is there now, without waiting.
    std::optional<T> try_receive() {
        if (items_.empty()) return std::nullopt;
        return take();
    }
    void close() { closed_ = true, arrived_.set(), space_.set(); }
    bool closed() const { return closed_; }
    std::size_t size() const { return items_.size(); }
    std::size_t high_water() const { return high_water_; }
    std::uint64_t dropped() const { return dropped_; }
    std::uint64_t refused() const { return refused_; }

 private:
    static Error closed_error() { return {Errc::cancelled, "the channel is closed"}; }
    void put(T item) {
        items_.push_back(std::move(item));
        high_water_ = std::max(high_water_, items_.size());
        arrived_.set();
    }
    T take() {
        T item = std::move(items_.front());
        items_.pop_front();
        space_.set();
        return item;
    }

    ChannelOptions options_;
    std::deque<T> items_;
    Event arrived_, space_;
    bool closed_ = false;
    std::size_t high_water_ = 0;
    std::uint64_t dropped_ = 0, refused_ = 0;
};

}  // namespace mw
