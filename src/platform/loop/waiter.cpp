#include "platform/loop/waiter.h"

#include "platform/loop/event_loop.h"

namespace mw {

void Cancellation::request() {
    if (std::exchange(requested_, true)) return;
    if (waiting_) waiting_->on_cancel();
}

void Waiter::resume() {
    unlink();
    withdraw();
    waiting_.resume();
}

void Waiter::wake() {
    unlink();
    withdraw();  // what is ready can't be cancelled any more
    loop_->make_ready(*this);
}

bool Waiter::suspend(std::coroutine_handle<> waiting, Cancellation& in) {
    if (in.requested()) return cancelled_ = true, false;
    suspend_on(Loop::here(), waiting, in);
    return true;
}

void Waiter::suspend_on(Loop& loop, std::coroutine_handle<> waiting, Cancellation& in) {
    enroll(in);
    waiting_ = waiting;
    loop_ = &loop;
}

void Waiter::on_cancel() {
    give_up();
    wake();
}

}  // namespace mw
