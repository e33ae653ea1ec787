#pragma once
// run_on: a call to another loop with owned arguments and an owned answer.
// sync_wait: runs a loop from outside until something is done (tests, command line).

#include <optional>

#include "platform/loop/event_loop.h"

namespace mw {

namespace detail {

template <class R>
struct Unwrap {
    using type = R;
    static constexpr bool is_task = false;
};
template <class R>
struct Unwrap<Result<R>> : Unwrap<R> {};
template <class R>
struct Unwrap<Task<R>> {
    using type = R;
    static constexpr bool is_task = true;
};
template <class F, class... Args>
using ValueOf = typename Unwrap<std::invoke_result_t<F&, Args...>>::type;

// Calls a function that gives R, Result<R> or void; gives Result<R>.
template <class F, class... Args>
Result<ValueOf<F, Args...>> call(F& function, Args&&... args) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Args...>>)
        return function(std::forward<Args>(args)...), Result<>{};
    else
        return function(std::forward<Args>(args)...);
}

// The same, where the function may give a Task.
template <class F>
Task<ValueOf<F>> run_here(F function) {
    if constexpr (Unwrap<std::invoke_result_t<F&>>::is_task)
        co_return co_await function();
    else
        co_return call(function);
}

// One call to another loop. Shared by both sides; each field says whose thread touches it.
class RemoteCall : public std::enable_shared_from_this<RemoteCall> {
 public:
    virtual ~RemoteCall() = default;
    Result<> ask(Loop& other);  // home

    // Waits for the answer; cancelling asks the other side to cancel and still waits.
    class Answered : public Waiter {
     public:
        explicit Answered(RemoteCall& call) : call_(call) {}
        ~Answered() override;
        bool await_ready() const { return call_.answered_; }
        bool begin(std::coroutine_handle<> h, Cancellation& in);
        void await_resume() {}

     private:
        void on_cancel() override { call_.ask_to_cancel(); }
        RemoteCall& call_;
    };
    Await<Answered> answered() { return Await<Answered>(*this); }

 protected:
    virtual Task<> perform() = 0;  // far

 private:
    class Answer;
    class Question;
    static Task<> perform_and_answer(Answer answer);
    void ask_to_cancel();

    std::shared_ptr<Mailbox> home_, far_;  // written once, before asking
    Waiter* waiter_ = nullptr;             // home
    bool answered_ = false;                // home
    Cancellation* far_line_ = nullptr;     // far
    bool cancel_asked_ = false;            // far
};

template <class F>
class RemoteCallOf final : public RemoteCall {
 public:
    explicit RemoteCallOf(F function) : function_(std::move(function)) {}
    Result<ValueOf<F>> take() {
        if (!outcome_) return Error{Errc::cancelled, "the other loop ended before it answered"};
        return std::move(*outcome_);
    }

 private:
    Task<> perform() override {
        F function = std::move(*function_);
        function_.reset();
        if constexpr (Unwrap<std::invoke_result_t<F&>>::is_task)
            outcome_.emplace(co_await function());
        else
            outcome_.emplace(call(function));
        co_return Result<>{};
    }
    std::optional<F> function_;
    std::optional<Result<ValueOf<F>>> outcome_;
};

}  // namespace detail

// Runs `function` (plain, or giving a Task) on the other loop and resumes here with what it gave.
// On the same loop it just runs. Errc::overloaded when the other mailbox is full. Cancelling
// cancels the far task and waits for its end.
template <class F>
Task<detail::ValueOf<F>> run_on(Loop& other, F function) {
    if (&other == &Loop::here()) {
        auto local = detail::run_here(std::move(function));
        co_return co_await std::move(local);
    }
    auto call = std::make_shared<detail::RemoteCallOf<F>>(std::move(function));
    CO_TRY_VOID(call->ask(other));
    co_await call->answered();
    co_return call->take();
}

// Runs the loop until `awaitable` is done; not from inside a coroutine.
template <class A>
auto sync_wait(Loop& loop, A awaitable) -> detail::OutcomeOf<A> {
    std::optional<detail::OutcomeOf<A>> outcome;
    bool done = false;
    auto store = [&](A inner) -> Task<> {
        outcome.emplace(co_await std::move(inner));
        done = true;
        co_return Result<>{};
    };
    Scope scope(loop);
    scope.spawn(store(std::move(awaitable)));
    loop.run_until(done);
    if (!outcome) return Error{Errc::cancelled, "the loop was stopped"};
    return std::move(*outcome);
}

}  // namespace mw
