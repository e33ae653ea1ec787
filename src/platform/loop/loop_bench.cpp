#include <benchmark/benchmark.h>
#include <pthread.h>
#include <time.h>

#include <thread>

#include "base/bytes.h"
#include "platform/loop/loop.h"

namespace mw {
namespace {

Task<int> at_once(int value) { co_return value; }

void Task_await_one_that_ends_at_once(benchmark::State& state) {
    auto loop = *Loop::open();
    auto work = [&]() -> Task<> {
        for (auto _ : state) benchmark::DoNotOptimize(co_await at_once(1));
        co_return Result<>{};
    };
    ignore(sync_wait(*loop, work()), "measured by its time");
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(Task_await_one_that_ends_at_once);

void Event_ping_pong(benchmark::State& state) {
    auto loop = *Loop::open();
    Event ping, pong;
    bool over = false;
    auto answer = [&]() -> Task<> {
        while (!over) {
            CO_TRY_VOID(co_await ping.wait());
            ping.reset();
            pong.set();
        }
        co_return Result<>{};
    };
    auto ask = [&]() -> Task<> {
        for (auto _ : state) {
            ping.set();
            CO_TRY_VOID(co_await pong.wait());
            pong.reset();
        }
        over = true;
        ping.set();
        co_return Result<>{};
    };
    Scope scope(*loop);
    scope.spawn(answer());
    scope.spawn(ask());
    ignore(sync_wait(*loop, scope.join()), "measured by its time");
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(Event_ping_pong);

void Within_around_a_wait(benchmark::State& state) {
    auto loop = *Loop::open();
    auto work = [&]() -> Task<> {
        for (auto _ : state) CO_TRY_VOID(co_await within(seconds(1), yield()));
        co_return Result<>{};
    };
    ignore(sync_wait(*loop, work()), "measured by its time");
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(Within_around_a_wait);

void Timer_arm_and_fire(benchmark::State& state) {
    SimulatedClock clock;
    auto loop = *Loop::open({.simulated = &clock});
    for (auto _ : state) {
        Scope scope(*loop);
        for (int i = 0; i < state.range(0); ++i) scope.spawn(sleep_for(microseconds(i * 7 % 1000)));
        ignore(sync_wait(*loop, scope.join()), "measured by its time");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(Timer_arm_and_fire)->Arg(1'000)->Arg(100'000);

void Post_across_threads(benchmark::State& state) {
    auto loop = *Loop::open();
    std::thread thread([&] { loop->run(); });
    std::atomic<std::int64_t> arrived{0};
    std::int64_t sent = 0;
    for (auto _ : state)
        if (loop->post([&] { arrived.fetch_add(1, std::memory_order_relaxed); })) ++sent;
    while (arrived.load() < sent) std::this_thread::yield();
    loop->stop();
    thread.join();
    state.SetItemsProcessed(sent);
}
BENCHMARK(Post_across_threads);

double cpu_seconds_of(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// What delivery to another loop costs when a turn's messages go in one post: messages of 80 bytes,
// so many a batch. Each batch finds the other loop asleep, as on a broker with little to do.
void Batch_across_threads(benchmark::State& state) {
    auto loop = *Loop::open();
    std::thread thread([&] { loop->run(); });
    clockid_t other{};
    pthread_getcpuclockid(thread.native_handle(), &other);
    const double other_before = cpu_seconds_of(other);
    std::atomic<std::int64_t> arrived{0};
    const Bytes message(80, 'x');
    std::int64_t sent = 0;
    double posting = 0;
    for (auto _ : state) {
        const double before = cpu_seconds_of(CLOCK_THREAD_CPUTIME_ID);
        Bytes outbox;
        for (std::int64_t i = 0; i < state.range(0); ++i)
            outbox.insert(outbox.end(), message.begin(), message.end());
        auto deliver = [&arrived, outbox = std::move(outbox)] {
            arrived.fetch_add(static_cast<std::int64_t>(outbox.size() / 80));
        };
        if (loop->post(std::move(deliver))) sent += state.range(0);
        posting += cpu_seconds_of(CLOCK_THREAD_CPUTIME_ID) - before;
        while (arrived.load() < sent) std::this_thread::yield();
    }
    const double delivering = cpu_seconds_of(other) - other_before;
    loop->stop();
    thread.join();
    const auto messages = static_cast<double>(sent);
    state.counters["sender_cpu_ns"] = posting / messages * 1e9;
    state.counters["receiver_cpu_ns"] = delivering / messages * 1e9;
    state.SetItemsProcessed(sent);
}
BENCHMARK(Batch_across_threads)->Arg(1)->Arg(4)->Arg(16)->Arg(100);

void Workers_run(benchmark::State& state) {
    auto loop = *Loop::open();
    Workers workers({.threads = 1});
    auto work = [&]() -> Task<> {
        for (auto _ : state) {
            auto job = [] { return 1; };
            benchmark::DoNotOptimize(co_await workers.run(std::move(job)));
        }
        co_return Result<>{};
    };
    ignore(sync_wait(*loop, work()), "measured by its time");
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(Workers_run)->UseRealTime();

}  // namespace
}  // namespace mw

BENCHMARK_MAIN();
