#pragma once
// Ends an awaited operation from outside: a client that left, a request to cancel. Of one loop.

#include "platform/loop/loop.h"

namespace mw::http {

class StopSwitch {
 public:
    // What is awaited under the switch is cancelled, now or when it begins.
    void stop() {
        stopped_ = true;
        if (inside_) inside_->request();
    }
    bool stopped() const { return stopped_; }

 private:
    template <class Awaiter>
    friend class StoppedBy;
    Cancellation* inside_ = nullptr;
    bool stopped_ = false;
};

// co_await stopped_by(a_switch, awaitable): its outcome; its end is awaited also when it is
// stopped.
template <class Awaiter>
class StoppedBy : public CancelPoint {
 public:
    StoppedBy(StopSwitch& stop, Awaiter inner) : switch_(stop), inner_(std::move(inner)) {}
    StoppedBy(StoppedBy&&) = default;
    bool await_ready() { return inner_.await_ready(); }
    bool begin(std::coroutine_handle<> h, Cancellation& in) {
        enroll(in);
        switch_.inside_ = &inside_;
        if (in.requested() || switch_.stopped_) inside_.request();
        if (inner_.begin(h, inside_)) return true;
        finish();
        return false;
    }
    auto await_resume() -> decltype(std::declval<Awaiter&>().await_resume()) {
        finish();
        return inner_.await_resume();
    }

 private:
    void finish() {
        withdraw();
        switch_.inside_ = nullptr;
    }
    void on_cancel() override { inside_.request(); }

    StopSwitch& switch_;
    Cancellation inside_;
    Awaiter inner_;
};
template <class A>
auto stopped_by(StopSwitch& stop, A awaitable) {
    using Inner = mw::detail::AwaiterOf<A>;
    return Await<StoppedBy<Inner>>(stop, mw::detail::awaiter_of(std::move(awaitable)));
}

}  // namespace mw::http
