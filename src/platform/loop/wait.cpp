#include "platform/loop/wait.h"

namespace mw {
namespace {
Result<> outcome(bool cancelled) {
    if (cancelled) return cancelled_error();
    return {};
}
}  // namespace

bool Sleep::begin(std::coroutine_handle<> h, Cancellation& in) {
    if (!suspend(h, in)) return false;
    loop().arm(*this, duration_);
    return true;
}
Result<> Sleep::await_resume() { return outcome(cancelled()); }
void Sleep::on_cancel() {
    loop().disarm(*this);
    Waiter::on_cancel();
}

bool Yield::begin(std::coroutine_handle<> h, Cancellation& in) {
    if (!suspend(h, in)) return false;
    wake();
    return true;
}
Result<> Yield::await_resume() { return outcome(cancelled()); }

void Event::set() {
    set_ = true;
    while (Waiter* waiter = waiting_.front()) waiter->wake();
}
bool Event::Wait::begin(std::coroutine_handle<> h, Cancellation& in) {
    if (!suspend(h, in)) return false;
    event_.waiting_.push_back(*this);
    return true;
}
Result<> Event::Wait::await_resume() { return outcome(cancelled()); }

}  // namespace mw
