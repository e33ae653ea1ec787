#include "platform/loop/workers.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "platform/loop/short_turns.h"

namespace mw {

Workers::Workers(WorkersOptions options) : options_(std::move(options)) {
    ASSERT(options_.threads > 0);
    for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this, i] { work_loop(i); });
}

Workers::~Workers() {
    std::deque<std::shared_ptr<Work>> dropped;
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        dropped.swap(queue_);
        for (Work* work : running_) work->stop_.request_stop();
    }
    arrived_.notify_all();
    for (auto& work : dropped) finish(std::move(work));
    for (auto& thread : threads_) thread.join();
}

Result<> Workers::enqueue(std::shared_ptr<Work> work) {
    work->home_ = Loop::here().mailbox();
    {
        std::lock_guard lock(mutex_);
        if (stopping_ || queue_.size() >= options_.queue) {
            ++counters_.refused;
            return Error{Errc::overloaded, options_.name + ": the queue is full (" +
                                               std::to_string(options_.queue) + " jobs wait)"};
        }
        queue_.push_back(std::move(work));
        counters_.high_water = std::max(counters_.high_water, queue_.size());
    }
    Loop::here().outside_began();
    arrived_.notify_one();
    return {};
}

bool Workers::withdraw(const Work& work) {
    std::lock_guard lock(mutex_);
    auto found = std::find_if(queue_.begin(), queue_.end(),
                              [&](const auto& queued) { return queued.get() == &work; });
    if (found == queue_.end()) return false;
    queue_.erase(found);
    ++counters_.dropped;
    return true;
}

void Workers::await_end(const Work& work) {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return work.ended_; });
}

void Workers::work_loop(int index) {
    std::string name = options_.name.substr(0, 12) + "-" + std::to_string(index);
    pthread_setname_np(pthread_self(), name.c_str());
    // On Linux this is the thread's own nice value. Failing leaves it as urgent as the loops.
    [[maybe_unused]] int outcome =
        setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), options_.niceness);
    // A thread of shorter turns takes the processor from one of longer turns: loops from scans.
    if (options_.niceness <= 0) ask_for_short_turns();
    for (;;) {
        std::shared_ptr<Work> work;
        {
            std::unique_lock lock(mutex_);
            arrived_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            work = std::move(queue_.front());
            queue_.pop_front();
            running_.push_back(work.get());
        }
        work->execute(work->stop_.get_token());
        finish(std::move(work));
    }
}

void Workers::finish(std::shared_ptr<Work> work) {
    {
        std::lock_guard lock(mutex_);
        std::erase(running_, work.get());
        work->ended_ = true;
        ++counters_.done;
    }
    ended_.notify_all();
    auto home = work->home_;
    auto arrive = [work = std::move(work)] {
        Loop::here().outside_ended();
        work->arrived_ = true;
        if (work->waiter_) work->waiter_->wake();
    };
    home->answer(std::make_unique<FunctionMail<decltype(arrive)>>(std::move(arrive)));
}

WorkersCounters Workers::counters() const {
    std::lock_guard lock(mutex_);
    WorkersCounters now = counters_;
    now.queued = queue_.size();
    now.running = running_.size();
    return now;
}

bool Workers::Work::Ended::begin(std::coroutine_handle<> h, Cancellation& in) {
    if (in.requested() && workers_.withdraw(work_)) {
        Loop::here().outside_ended();
        return false;
    }
    suspend_on(Loop::here(), h, in);
    work_.waiter_ = this;
    if (in.requested()) work_.stop_.request_stop();
    return true;
}

void Workers::Work::Ended::on_cancel() {
    if (!workers_.withdraw(work_)) {
        work_.stop_.request_stop();  // it runs, or has ended and the news is under way
        return;
    }
    work_.waiter_ = nullptr;
    loop().outside_ended();
    give_up();
    wake();
}

Workers::Work::Ended::~Ended() {
    if (work_.waiter_ != this) return;
    work_.waiter_ = nullptr;
    if (work_.arrived_) return;
    // The coroutine is destroyed while it waits. The job may use what is destroyed next.
    if (workers_.withdraw(work_)) {
        loop().outside_ended();
        return;
    }
    work_.stop_.request_stop();
    workers_.await_end(work_);
}

}  // namespace mw
