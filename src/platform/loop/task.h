#pragma once
// Task<T> is a lazy coroutine whose outcome is Result<T>: `co_return value` or `co_return
// Error{...}`; a Task<> may also run off its end. It belongs to whoever holds it; destroying it
// destroys its frame. It starts where it is awaited, on that loop. An exception that escapes it is
// a bug and ends the process.
//
// A child runs inside await_suspend until it first waits, and only resumes its parent by transfer
// if the parent did suspend. So a million children that finish at once use no stack, which
// symmetric transfer alone does not give us without optimisation (g++ 12, -O0 and sanitizers).

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "platform/loop/waiter.h"

namespace mw {

template <class T = void>
class Task;

namespace detail {

[[noreturn]] void exception_escaped();

class PromiseBase {
 public:
    std::suspend_always initial_suspend() noexcept { return {}; }
    [[noreturn]] void unhandled_exception() { exception_escaped(); }
    Cancellation& cancellation() { return *cancellation_; }

    struct Final {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> h) noexcept {
            PromiseBase& self = h.promise();
            return self.parent_waits_ ? self.parent_ : std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }

    // Runs `self` until it waits or ends; true if it waits and will resume the parent.
    bool start(std::coroutine_handle<> self, std::coroutine_handle<> parent, Cancellation& in) {
        ASSERT(!parent_);  // a task is awaited once
        parent_ = parent, cancellation_ = &in;
        self.resume();
        if (self.done()) return false;
        parent_waits_ = true;
        return true;
    }

 private:
    std::coroutine_handle<> parent_;
    Cancellation* cancellation_ = nullptr;
    bool parent_waits_ = false;
};

template <class T>
class Promise : public PromiseBase {
 public:
    Task<T> get_return_object();
    template <class U = Result<T>>
    requires std::is_constructible_v<Result<T>, U &&> void return_value(U&& outcome) {
        outcome_.emplace(std::forward<U>(outcome));
    }
    Result<T> take() {
        if constexpr (std::is_void_v<T>) {
            if (!outcome_) return {};  // ran off the end
        }
        ASSERT(outcome_.has_value());
        return std::move(*outcome_);
    }

 private:
    std::optional<Result<T>> outcome_;
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
    using promise_type = detail::Promise<T>;
    using value_type = T;
    using Handle = std::coroutine_handle<promise_type>;

    explicit Task(Handle handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) reset(), handle_ = std::exchange(other.handle_, nullptr);
        return *this;
    }
    ~Task() { reset(); }

    class Leaf {
     public:
        explicit Leaf(Task task) : task_(std::move(task)) {}
        bool await_ready() const { return false; }
        bool begin(std::coroutine_handle<> parent, Cancellation& in) {
            return task_.handle_.promise().start(task_.handle_, parent, in);
        }
        Result<T> await_resume() { return task_.handle_.promise().take(); }

     private:
        Task task_;
    };
    Await<Leaf> operator co_await() && { return Await<Leaf>(Leaf(std::move(*this))); }

 private:
    void reset() {
        if (handle_) std::exchange(handle_, nullptr).destroy();
    }
    Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() {
    return Task<T>(Task<T>::Handle::from_promise(*this));
}

// The awaiter of anything that can be co_awaited here: a leaf awaiter itself, or a Task's.
template <class A>
auto awaiter_of(A&& awaitable) {
    if constexpr (requires { std::forward<A>(awaitable).operator co_await(); })
        return std::forward<A>(awaitable).operator co_await();
    else
        return std::forward<A>(awaitable);
}
template <class A>
using AwaiterOf = decltype(awaiter_of(std::declval<A>()));
template <class A>
using OutcomeOf = decltype(std::declval<AwaiterOf<A>&>().await_resume());
}  // namespace detail

}  // namespace mw
