#pragma once
// How a coroutine waits and how it is told to give up. Cancellation is one line of execution (what
// a Scope spawned, or the inside of a within()); at most one Waiter waits in it at a time.
// Cancelling is sticky: once requested, each further wait of that line ends at once, cancelled.

#include <coroutine>
#include <utility>

#include "base/result.h"
#include "platform/loop/list.h"

namespace mw {

class Loop;
class CancelPoint;

class Cancellation {
 public:
    Cancellation() = default;
    Cancellation(Cancellation&& other) noexcept { ASSERT(!other.waiting_ && !other.requested_); }
    bool requested() const { return requested_; }
    void request();

 private:
    friend class CancelPoint;
    bool requested_ = false;
    CancelPoint* waiting_ = nullptr;
};

// Something that waits inside a Cancellation and hears of the request.
class CancelPoint {
 public:
    CancelPoint() = default;
    CancelPoint(CancelPoint&& other) noexcept { ASSERT(!other.in_); }
    virtual ~CancelPoint() { withdraw(); }

 protected:
    void enroll(Cancellation& in) {
        ASSERT(!in.waiting_ && !in_);
        in.waiting_ = this, in_ = &in;
    }
    void withdraw() {
        if (in_) std::exchange(in_, nullptr)->waiting_ = nullptr;
    }
    virtual void on_cancel() = 0;

 private:
    friend class Cancellation;
    Cancellation* in_ = nullptr;
};

// Base of every leaf awaiter. A derived class has `bool begin(handle, Cancellation&)` (false: don't
// suspend), which calls suspend(), and `await_resume()`. It may move until it is awaited.
class Waiter : public ListNode, public CancelPoint {
 public:
    bool await_ready() const { return false; }

    // Runs the coroutine on; from the top of the loop only.
    void resume();
    // Runs it in this turn, after the caller. Leaves the list it waits in.
    void wake();

 protected:
    // False when the line is cancelled already.
    bool suspend(std::coroutine_handle<> waiting, Cancellation& in);
    // For waits that end by themselves soon and can't be left before; on_cancel() hastens them.
    void suspend_on(Loop& loop, std::coroutine_handle<> waiting, Cancellation& in);
    void give_up() { cancelled_ = true; }
    bool cancelled() const { return cancelled_; }
    bool suspended() const { return waiting_ != nullptr; }
    Loop& loop() const { return *loop_; }
    void on_cancel() override;  // leaves the list and wakes; override to take back more

 private:
    std::coroutine_handle<> waiting_;
    Loop* loop_ = nullptr;
    bool cancelled_ = false;
};

// What co_await gets its awaiter by: the promise knows the line's Cancellation.
template <class Leaf>
class Await : public Leaf {
 public:
    using Leaf::Leaf;
    explicit Await(Leaf leaf) : Leaf(std::move(leaf)) {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) {
        return this->begin(h, h.promise().cancellation());
    }
};

inline Error cancelled_error() { return {Errc::cancelled, "cancelled"}; }

}  // namespace mw
