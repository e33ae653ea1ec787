#include "platform/loop/scope.h"

#include "platform/loop/event_loop.h"
#include "platform/loop/wait.h"

namespace mw {

// A running line of execution: a coroutine nobody holds but the scope's list.
struct Scope::Line {
    struct promise_type : ListNode {
        promise_type(Scope& scope, Task<>&) { scope.lines_.push_back(*this), ++scope.size_; }
        Line get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { detail::exception_escaped(); }
        Cancellation& cancellation() { return cancellation_; }
        Cancellation cancellation_;
    };
    using Handle = std::coroutine_handle<promise_type>;
};

namespace {
// A place in the ready list of a loop that may not run yet.
class Start : public Waiter {
 public:
    explicit Start(Loop& loop) : loop_(loop) {}
    bool begin(std::coroutine_handle<> h, Cancellation& in) {
        suspend_on(loop_, h, in);
        loop_.make_ready(*this);
        return true;
    }
    bool await_resume() const { return !cancelled(); }

 private:
    void on_cancel() override { give_up(); }  // stays in the ready list
    Loop& loop_;
};
}  // namespace

Scope::Scope(Loop& loop, OnFailure on_failure) : loop_(loop), on_failure_(std::move(on_failure)) {}

Scope::~Scope() {
    while (ListNode* node = lines_.front()) {
        auto& promise = *static_cast<Line::promise_type*>(node);
        Line::Handle::from_promise(promise).destroy();
        --size_;
    }
}

void Scope::spawn(Task<> task) {
    if (!cancelled_) run(std::move(task));
}

Scope::Line Scope::run(Task<> task) {
    if (co_await Await<Start>(loop_)) {
        Result<> outcome = co_await std::move(task);
        ended(outcome);
    } else {
        ended(cancelled_error());
    }
}

void Scope::cancel() {
    cancelled_ = true;
    // Cancelling wakes, and never resumes, so the list doesn't change below us.
    for (ListNode* node = lines_.front(); node; node = lines_.after(*node))
        static_cast<Line::promise_type*>(node)->cancellation_.request();
}

void Scope::ended(const Result<>& outcome) {
    --size_;
    if (!outcome && outcome.error().code != Errc::cancelled) {
        ++failures_;
        if (on_failure_)
            on_failure_(outcome.error());
        else
            loop_.task_failed();
    }
    if (size_ > 0) return;
    while (Waiter* waiter = joining_.front()) waiter->wake();
}

bool Scope::Join::begin(std::coroutine_handle<> h, Cancellation& in) {
    if (scope_.size_ == 0 || !suspend(h, in)) return false;
    scope_.joining_.push_back(*this);
    return true;
}

Result<> Scope::Join::await_resume() {
    if (cancelled()) return cancelled_error();
    return {};
}

}  // namespace mw
