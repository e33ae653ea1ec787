#pragma once
// A Scope is the only owner of running coroutines: whoever has the scope cancels it and waits with
// join(). It belongs to one loop. Destroying it destroys what still runs in it: the last resort, as
// those coroutines then don't get to say goodbye.

#include <functional>
#include <string_view>

#include "platform/loop/task.h"

namespace mw {

class Scope {
 public:
    // Told of each task that ended in an error other than `cancelled`; without it they are counted.
    using OnFailure = std::function<void(const Error&)>;
    explicit Scope(Loop& loop, OnFailure on_failure = {});
    ~Scope();
    Scope(const Scope&) = delete;

    // Starts the task in this turn of the loop, after the caller has gone on. On the loop's thread,
    // or before the loop runs. In a cancelled scope it never starts.
    void spawn(Task<> task);
    // Anything awaitable whose outcome is Result<>.
    template <class A>
    requires(!std::is_same_v<A, Task<>>) void spawn(A awaitable) {
        spawn(carry(std::move(awaitable)));
    }

    void cancel();  // each task's wait ends with Errc::cancelled; new tasks are not started
    bool cancelled() const { return cancelled_; }
    std::size_t size() const { return size_; }
    std::uint64_t failures() const { return failures_; }

    // Waits until nothing runs here. Joining doesn't cancel.
    class Join : public Waiter {
     public:
        explicit Join(Scope& scope) : scope_(scope) {}
        bool begin(std::coroutine_handle<> h, Cancellation& in);
        Result<> await_resume();

     private:
        Scope& scope_;
    };
    Await<Join> join() { return Await<Join>(*this); }

 private:
    struct Line;
    Line run(Task<> task);
    template <class A>
    static Task<> carry(A awaitable) {
        co_return co_await std::move(awaitable);
    }
    void ended(const Result<>& outcome);

    Loop& loop_;
    OnFailure on_failure_;
    List<ListNode> lines_;
    List<Waiter> joining_;
    std::size_t size_ = 0;
    std::uint64_t failures_ = 0;
    bool cancelled_ = false;
};

}  // namespace mw
