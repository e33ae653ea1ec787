// What crosses threads: post, run_on, Workers. Run it under -DMW_SANITIZE=thread.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <latch>
#include <thread>

#include "platform/loop/loop.h"
#include "platform/loop/short_turns.h"

namespace mw {
namespace {

// A loop with a thread of its own.
class Elsewhere {
 public:
    explicit Elsewhere(LoopOptions options = {}) : loop_(*Loop::open(options)) {
        thread_ = std::thread([this] { loop_->run(); });
    }
    ~Elsewhere() { stop(); }
    void stop() {
        if (!thread_.joinable()) return;
        loop_->stop();
        thread_.join();
    }
    Loop& loop() { return *loop_; }
    void destroy() { stop(), loop_.reset(); }

 private:
    std::unique_ptr<Loop> loop_;
    std::thread thread_;
};

TEST(Post, from_many_threads_arrives_once_each_on_the_loop) {
    auto loop = *Loop::open();
    int arrived = 0;
    bool done = false;
    constexpr int each = 2000;
    std::vector<std::thread> senders;
    for (int t = 0; t < 3; ++t)
        senders.emplace_back([&] {
            for (int i = 0; i < each; ++i)
                while (!loop->post([&] { done = ++arrived == 3 * each; }))
                    std::this_thread::yield();
        });
    loop->run_until(done);
    for (auto& sender : senders) sender.join();
    EXPECT_EQ(arrived, 3 * each);
    EXPECT_GE(loop->mailbox()->high_water(), 1u);
}

TEST(Post, to_a_full_mailbox_is_refused_and_destroyed) {
    auto loop = *Loop::open({.mailbox = 2});
    auto shared = std::make_shared<int>(0);
    EXPECT_TRUE(loop->post([shared] {}));
    EXPECT_TRUE(loop->post([shared] {}));
    EXPECT_FALSE(loop->post([shared] {}));
    EXPECT_EQ(shared.use_count(), 3);
    EXPECT_EQ(loop->mailbox()->refused(), 1u);
    loop.reset();
    EXPECT_EQ(shared.use_count(), 1);
}

TEST(RunOn, runs_there_and_resumes_here) {
    auto home = *Loop::open();
    Elsewhere far;
    auto ask = [&]() -> Task<std::string> {
        auto here = std::this_thread::get_id();
        auto plain = [text = std::string("a text that is too long for the small buffer")] {
            return std::pair(std::this_thread::get_id(), text);
        };
        CO_TRY(auto answer, co_await run_on(far.loop(), std::move(plain)));
        EXPECT_NE(answer.first, here);
        EXPECT_EQ(std::this_thread::get_id(), here);
        auto task = [text = answer.second]() -> Task<std::string> {
            CO_TRY_VOID(co_await sleep_for(milliseconds(1)));
            co_return text + "!";
        };
        co_return co_await run_on(far.loop(), std::move(task));
    };
    EXPECT_EQ(*sync_wait(*home, ask()), "a text that is too long for the small buffer!");
}

TEST(RunOn, the_same_loop_just_runs) {
    auto home = *Loop::open();
    auto ask = [&]() -> Task<int> {
        auto five = [] { return 5; };
        co_return co_await run_on(*home, std::move(five));
    };
    EXPECT_EQ(*sync_wait(*home, ask()), 5);
}

TEST(RunOn, cancelling_cancels_there_and_waits_for_the_end) {
    auto home = *Loop::open();
    Elsewhere far;
    std::atomic<bool> ended{false};
    auto ask = [&]() -> Task<> {
        auto forever = [&]() -> Task<> {
            auto outcome = co_await sleep_for(hours(1));
            ended = true;
            co_return outcome;
        };
        auto outcome = co_await within(milliseconds(5), run_on(far.loop(), std::move(forever)));
        EXPECT_TRUE(ended.load());
        co_return outcome;
    };
    EXPECT_EQ(sync_wait(*home, ask()).error().code, Errc::timed_out);
}

TEST(RunOn, a_loop_that_ends_answers_cancelled) {
    auto home = *Loop::open();
    Elsewhere far;
    Scope scope(*home);
    Result<> seen;
    std::latch asked(1);
    auto ask = [&]() -> Task<> {
        auto forever = [&]() -> Task<> {
            asked.count_down();
            co_return co_await sleep_for(hours(1));
        };
        seen = co_await run_on(far.loop(), std::move(forever));
        co_return Result<>{};
    };
    scope.spawn(ask());
    home->turn(false);
    asked.wait();
    far.destroy();
    ASSERT_TRUE(sync_wait(*home, scope.join()).ok());
    EXPECT_EQ(seen.error().code, Errc::cancelled);
}

TEST(RunOn, a_caller_destroyed_while_it_waits_leaves_no_trace) {
    auto home = *Loop::open();
    Elsewhere far;
    std::latch asked(1);
    {
        Scope scope(*home);
        auto ask = [&]() -> Task<> {
            auto forever = [&]() -> Task<> {
                asked.count_down();
                co_return co_await sleep_for(hours(1));
            };
            co_return co_await run_on(far.loop(), std::move(forever));
        };
        scope.spawn(ask());
        home->turn(false);
        asked.wait();
    }
    home->turn(false);
}

TEST(Workers, run_elsewhere_and_resume_here) {
    auto home = *Loop::open();
    Workers workers({.threads = 2});
    auto ask = [&]() -> Task<int> {
        auto here = std::this_thread::get_id();
        int total = 0;
        for (int i = 0; i < 50; ++i) {
            auto job = [text = std::string(100, 'x'), here]() -> Result<int> {
                if (std::this_thread::get_id() == here) return Error{Errc::conflict, "same thread"};
                return static_cast<int>(text.size());
            };
            CO_TRY(int size, co_await workers.run(std::move(job)));
            EXPECT_EQ(std::this_thread::get_id(), here);
            total += size;
        }
        co_return total;
    };
    EXPECT_EQ(*sync_wait(*home, ask()), 5000);
    EXPECT_EQ(workers.counters().done, 50u);
}

// One worker, held by a job until the latch opens; the next job is queued.
struct Busy {
    std::unique_ptr<Loop> home = *Loop::open();
    std::latch started{1}, release{1};
    Workers workers{{.threads = 1, .queue = 1}};
    Scope scope{*home};
    Task<> hold() {
        auto job = [this](std::stop_token) { started.count_down(), release.wait(); };
        co_return co_await workers.run(std::move(job));
    }
    Task<> quick() {
        auto job = [] {};
        co_return co_await workers.run(std::move(job));
    }
    Busy() {
        scope.spawn(hold());
        home->turn(false);
        started.wait();
    }
};

TEST(Workers, refuse_when_the_queue_is_full) {
    Busy busy;
    busy.scope.spawn(busy.quick());
    busy.home->turn(false);
    auto refused = sync_wait(*busy.home, busy.quick());
    EXPECT_EQ(refused.error().code, Errc::overloaded);
    busy.release.count_down();
    ASSERT_TRUE(sync_wait(*busy.home, busy.scope.join()).ok());
    EXPECT_EQ(busy.workers.counters().refused, 1u);
    EXPECT_EQ(busy.workers.counters().high_water, 1u);
}

TEST(Workers, a_queued_job_is_dropped_when_its_time_is_over) {
    Busy busy;
    auto late = sync_wait(*busy.home, within(milliseconds(2), busy.quick()));
    EXPECT_EQ(late.error().code, Errc::timed_out);
    EXPECT_EQ(busy.workers.counters().dropped, 1u);
    busy.release.count_down();
    ASSERT_TRUE(sync_wait(*busy.home, busy.scope.join()).ok());
}

TEST(Workers, a_running_job_is_asked_to_stop_and_awaited) {
    SimulatedClock clock;
    auto home = *Loop::open({.simulated = &clock});
    Workers workers({.threads = 1});
    std::latch started(1);
    Result<int> outcome = Error{Errc::cancelled, "nothing yet"};
    auto ask = [&]() -> Task<int> {
        auto job = [&](std::stop_token stop) {
            started.count_down();
            while (!stop.stop_requested()) std::this_thread::yield();
            return 3;
        };
        co_return co_await workers.run(std::move(job));
    };
    auto in_time = [&]() -> Task<> {
        outcome = co_await within(milliseconds(2), ask());
        co_return Result<>{};
    };
    Scope scope(*home);
    scope.spawn(in_time());
    home->turn(false);
    started.wait();
    clock.advance(milliseconds(2));
    ASSERT_TRUE(sync_wait(*home, scope.join()).ok());
    // It ended well although late: the outcome is worth more than the deadline.
    ASSERT_TRUE(outcome.ok()) << outcome.error().message;
    EXPECT_EQ(*outcome, 3);
}

TEST(Workers, a_caller_destroyed_while_its_job_runs_waits_for_the_job) {
    auto home = *Loop::open();
    Workers workers({.threads = 1});
    std::atomic<bool> ended{false};
    std::latch started(1);
    {
        Scope scope(*home);
        auto ask = [&]() -> Task<> {
            auto job = [&](std::stop_token stop) {
                started.count_down();
                while (!stop.stop_requested()) std::this_thread::yield();
                ended = true;
            };
            co_return co_await workers.run(std::move(job));
        };
        scope.spawn(ask());
        home->turn(false);
        started.wait();
    }
    EXPECT_TRUE(ended.load());
}

TEST(Workers, that_end_answer_what_is_queued) {
    auto home = *Loop::open();
    Scope scope(*home);
    Result<> seen;
    std::latch started(1);
    auto workers = std::make_unique<Workers>(WorkersOptions{.threads = 1});
    auto hold = [&]() -> Task<> {
        auto job = [&](std::stop_token stop) {
            started.count_down();
            while (!stop.stop_requested()) std::this_thread::yield();
        };
        co_return co_await workers->run(std::move(job));
    };
    auto queued = [&]() -> Task<> {
        auto job = [] {};
        seen = co_await workers->run(std::move(job));
        co_return Result<>{};
    };
    scope.spawn(hold());
    home->turn(false);
    started.wait();
    scope.spawn(queued());
    home->turn(false);
    workers.reset();
    ASSERT_TRUE(sync_wait(*home, scope.join()).ok());
    EXPECT_EQ(seen.error().code, Errc::cancelled);
}

TEST(Metrics, follow_the_counters_of_loop_and_workers) {
    auto home = *Loop::open();
    Workers workers({.threads = 1});
    metrics::Registry registry;
    LoopMetrics of_loop(registry, "control");
    WorkersMetrics of_workers(registry);
    auto ask = [&]() -> Task<> {
        auto job = [] {};
        co_return co_await workers.run(std::move(job));
    };
    for (int i = 1; i <= 2; ++i) {
        ASSERT_TRUE(sync_wait(*home, ask()).ok());
        of_loop.update(*home);
        of_workers.update(workers);
        auto text = registry.expose();
        EXPECT_NE(text.find("millwright_workers_jobs_done_total " + std::to_string(i)),
                  std::string::npos)
            << text;
        EXPECT_NE(text.find("millwright_loop_turns_total{loop=\"control\"}"), std::string::npos);
    }
}

TEST(ShortTurns, leave_a_threads_policy_and_niceness_as_they_are) {
    std::thread thread([] {
        const auto id = static_cast<id_t>(gettid());
        ASSERT_EQ(setpriority(PRIO_PROCESS, id, 7), 0);
        ask_for_short_turns();
        EXPECT_EQ(getpriority(PRIO_PROCESS, id), 7);
        EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
    });
    thread.join();
}

TEST(VirtualTime, stands_still_while_a_worker_works) {
    SimulatedClock clock;
    auto home = *Loop::open({.simulated = &clock});
    Workers workers({.threads = 1});
    auto ask = [&]() -> Task<int> {
        auto job = [] {
            std::this_thread::yield();
            return 1;
        };
        co_return co_await workers.run(std::move(job));
    };
    EXPECT_EQ(*sync_wait(*home, within(hours(1), ask())), 1);
    EXPECT_EQ(clock.steady().ns, 1);
}

}  // namespace
}  // namespace mw
