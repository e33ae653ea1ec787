#pragma once
// Workers are threads at lower priority for what would block a loop: SQLite, DuckDB, hashing,
// models over 100 us. A job owns its arguments. The queue is bounded: a full one refuses with
// overloaded.
//
// Cancelling: a queued job is dropped at once; a running one is asked to stop through its
// stop_token, and awaited, so that after Scope::join() nothing of the scope runs. Destroy Workers
// after the scopes that use them and before the loops.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <thread>

#include "platform/loop/run_on.h"

namespace mw {

namespace detail {
// What a job gives, be it called with a stop token or without.
template <class F>
struct JobValue {
    using type = ValueOf<F>;
};
template <class F>
requires std::is_invocable_v<F&, std::stop_token>
struct JobValue<F> {
    using type = ValueOf<F, std::stop_token>;
};
}  // namespace detail

struct WorkersOptions {
    int threads = 2;
    std::size_t queue = 1024;  // jobs that wait; more are refused
    int niceness = 5;          // added to each thread's nice value
    std::string name = "worker";
};

struct WorkersCounters {
    std::uint64_t done = 0, refused = 0, dropped = 0;
    std::size_t queued = 0, high_water = 0, running = 0;
};

class Workers {
 public:
    explicit Workers(WorkersOptions options = {});
    ~Workers();  // drops what is queued, asks the running jobs to stop, waits for them
    Workers(const Workers&) = delete;

    // Runs `job()` or `job(std::stop_token)`, which gives R, Result<R> or void, on a worker thread;
    // resumes on the caller's loop.
    template <class F>
    Task<typename detail::JobValue<F>::type> run(F job);

    WorkersCounters counters() const;  // any thread

    class Work;

 private:
    Result<> enqueue(std::shared_ptr<Work> work);
    bool withdraw(const Work& work);  // true if it was still queued
    void await_end(const Work& work);
    void work_loop(int index);
    void finish(std::shared_ptr<Work> work);

    const WorkersOptions options_;
    mutable std::mutex mutex_;
    std::condition_variable arrived_, ended_;
    std::deque<std::shared_ptr<Work>> queue_;
    std::vector<Work*> running_;
    bool stopping_ = false;
    WorkersCounters counters_;
    std::vector<std::thread> threads_;
};

class Workers::Work {
 public:
    virtual ~Work() = default;

    class Ended : public Waiter {
     public:
        Ended(Workers& workers, Work& work) : workers_(workers), work_(work) {}
        ~Ended() override;
        bool await_ready() const { return false; }
        bool begin(std::coroutine_handle<> h, Cancellation& in);
        void await_resume() {}

     private:
        void on_cancel() override;
        Workers& workers_;
        Work& work_;
    };

 protected:
    virtual void execute(std::stop_token stop) = 0;  // worker thread

 private:
    friend class Workers;
    std::shared_ptr<Mailbox> home_;  // written once, before it is queued
    std::stop_source stop_;
    bool ended_ = false;        // under the Workers' mutex
    bool arrived_ = false;      // home loop
    Waiter* waiter_ = nullptr;  // home loop
};

namespace detail {

template <class F>
class WorkOf final : public Workers::Work {
 public:
    using Value = typename JobValue<F>::type;
    explicit WorkOf(F job) : job_(std::move(job)) {}
    Result<Value> take() {
        if (!outcome_) return Error{Errc::cancelled, "the job was dropped before it ran"};
        return std::move(*outcome_);
    }

 private:
    void execute(std::stop_token stop) override {
        if constexpr (std::is_invocable_v<F&, std::stop_token>)
            outcome_.emplace(call(*job_, std::move(stop)));
        else
            outcome_.emplace(call(*job_));
        job_.reset();  // what it captured dies here, not on the loop
    }
    std::optional<F> job_;
    std::optional<Result<Value>> outcome_;
};

}  // namespace detail

template <class F>
Task<typename detail::JobValue<F>::type> Workers::run(F job) {
    auto work = std::make_shared<detail::WorkOf<F>>(std::move(job));
    CO_TRY_VOID(enqueue(work));
    co_await Await<Work::Ended>(*this, *work);
    co_return work->take();
}

}  // namespace mw
