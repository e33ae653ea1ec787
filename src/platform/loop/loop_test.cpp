#include "platform/loop/loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <csignal>
#include <string>

namespace mw {
namespace {

// A loop in virtual time: an hour of sleep takes no time at all.
struct World {
    SimulatedClock clock;
    std::unique_ptr<Loop> loop = *Loop::open({.simulated = &clock});
    SteadyTime start = clock.steady();
    nanoseconds elapsed() const { return clock.steady() - start; }
};

Task<std::string> text_after(nanoseconds pause, std::string text) {
    CO_TRY_VOID(co_await sleep_for(pause));
    co_return text;
}
Task<int> at_once(int value) { co_return value; }
Task<int> refuse(std::string why) { co_return Error{Errc::denied, why}; }
Task<> off_the_end() { co_await yield(); }

TEST(Task, gives_its_value) {
    World w;
    EXPECT_EQ(*sync_wait(*w.loop, at_once(7)), 7);
    EXPECT_EQ(*sync_wait(*w.loop, text_after(hours(1), "a long enough text to be on the heap")),
              "a long enough text to be on the heap");
    EXPECT_GE(w.elapsed(), hours(1));
}

TEST(Task, gives_its_error_through_layers) {
    World w;
    auto outer = []() -> Task<int> {
        CO_TRY(int x, co_await refuse("no right"));
        co_return x;
    };
    auto outcome = sync_wait(*w.loop, outer());
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Errc::denied);
}

TEST(Task, of_nothing_may_run_off_its_end) {
    World w;
    EXPECT_TRUE(sync_wait(*w.loop, off_the_end()).ok());
}

TEST(Task, a_million_children_that_end_at_once_use_no_stack) {
    World w;
    auto sum = []() -> Task<long> {
        long total = 0;
        for (int i = 0; i < 1'000'000; ++i) {
            CO_TRY(int one, co_await at_once(1));
            total += one;
        }
        co_return total;
    };
    EXPECT_EQ(*sync_wait(*w.loop, sum()), 1'000'000);
}

TEST(Task, that_is_never_awaited_is_destroyed_unstarted) {
    auto shared = std::make_shared<int>(1);
    auto holds = [](std::shared_ptr<int>) -> Task<> { co_return Result<>{}; };
    {
        auto task = holds(shared);
        EXPECT_EQ(shared.use_count(), 2);
    }
    EXPECT_EQ(shared.use_count(), 1);
}

TEST(Sleep, ends_in_order_of_time_and_then_of_arming) {
    World w;
    std::string order;
    Scope scope(*w.loop);
    auto note = [&](nanoseconds pause, char c) -> Task<> {
        CO_TRY_VOID(co_await sleep_for(pause));
        order += c;
        co_return Result<>{};
    };
    scope.spawn(note(seconds(3), 'c'));
    scope.spawn(note(seconds(1), 'a'));
    scope.spawn(note(seconds(2), 'b'));
    scope.spawn(note(seconds(3), 'd'));
    ASSERT_TRUE(sync_wait(*w.loop, scope.join()).ok());
    EXPECT_EQ(order, "abcd");
}

TEST(Within, gives_the_outcome_in_time_and_timed_out_after) {
    World w;
    auto in_time = sync_wait(*w.loop, within(seconds(2), text_after(seconds(1), "here")));
    EXPECT_EQ(*in_time, "here");
    auto late = sync_wait(*w.loop, within(seconds(1), text_after(seconds(2), "late")));
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().code, Errc::timed_out);
    EXPECT_LT(w.elapsed(), seconds(3));
}

TEST(Within, works_on_bare_waits_and_nested) {
    World w;
    Event never;
    auto inner = within(seconds(5), within(seconds(1), never.wait()));
    auto outcome = sync_wait(*w.loop, std::move(inner));
    EXPECT_EQ(outcome.error().code, Errc::timed_out);
    EXPECT_EQ(w.elapsed(), seconds(1));
}

TEST(Within, awaits_the_end_of_what_it_cancels) {
    World w;
    bool cleaned = false;
    auto stubborn = [&]() -> Task<> {
        Event never;
        auto outcome = co_await never.wait();
        cleaned = true;
        co_return outcome;
    };
    EXPECT_EQ(sync_wait(*w.loop, within(seconds(1), stubborn())).error().code, Errc::timed_out);
    EXPECT_TRUE(cleaned);
}

// Every wait, cancelled by its scope: it ends, at once, as cancelled.
struct CancelRow {
    const char* name;
    std::function<Task<>(World&, Event&, Channel<int>&)> wait;
};
class CancelEachWait : public testing::TestWithParam<CancelRow> {};

TEST_P(CancelEachWait, ends_cancelled_at_once) {
    World w;
    Event never;
    Channel<int> channel({.capacity = 1});
    Result<> seen;
    bool ended = false;
    Scope scope(*w.loop);
    auto watch = [&]() -> Task<> {
        seen = co_await GetParam().wait(w, never, channel);
        ended = true;
        // Sticky: each further wait of a cancelled line ends at once too.
        auto again = co_await sleep_for(hours(1));
        EXPECT_FALSE(again.ok());
        co_return Result<>{};
    };
    scope.spawn(watch());
    while (w.loop->turn(false)) {
    }
    EXPECT_FALSE(ended);
    scope.cancel();
    ASSERT_TRUE(sync_wait(*w.loop, scope.join()).ok());
    EXPECT_TRUE(ended);
    EXPECT_EQ(seen.error().code, Errc::cancelled);
    EXPECT_LT(w.elapsed(), hours(1));
}

Task<> wait_sleep(World&, Event&, Channel<int>&) { co_return co_await sleep_for(hours(9)); }
Task<> wait_event(World&, Event& e, Channel<int>&) { co_return co_await e.wait(); }
Task<> wait_receive(World&, Event&, Channel<int>& c) {
    CO_TRY([[maybe_unused]] int item, co_await c.receive());
    co_return Result<>{};
}
Task<> wait_send(World&, Event&, Channel<int>& c) {
    c.try_send(1);
    co_return co_await c.send(2);
}
Task<> wait_within(World&, Event& e, Channel<int>&) {
    co_return co_await within(hours(2), within(hours(3), e.wait()));
}
Task<> wait_join(World& w, Event& e, Channel<int>&) {
    Scope inner(*w.loop);
    inner.spawn(e.wait());
    co_return co_await inner.join();
}

INSTANTIATE_TEST_SUITE_P(
    Waits, CancelEachWait,
    testing::Values(CancelRow{"sleep", wait_sleep}, CancelRow{"event", wait_event},
                    CancelRow{"receive", wait_receive}, CancelRow{"send", wait_send},
                    CancelRow{"within", wait_within}, CancelRow{"join", wait_join}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Scope, destroyed_with_running_tasks_frees_their_frames) {
    World w;
    auto shared = std::make_shared<int>(1);
    Event event;
    Channel<int> channel;
    {
        Scope scope(*w.loop);
        auto hold = [&](std::shared_ptr<int>, int kind) -> Task<> {
            if (kind == 0) CO_TRY_VOID(co_await sleep_for(hours(1)));
            if (kind == 1) CO_TRY_VOID(co_await within(hours(1), event.wait()));
            if (kind == 2) ignore(co_await channel.receive(), "only its wait matters");
            co_return Result<>{};
        };
        for (int kind = 0; kind < 4; ++kind) scope.spawn(hold(shared, kind));
        w.loop->turn(false);
        scope.spawn(hold(shared, 0));  // not started yet
        EXPECT_GT(shared.use_count(), 1);
    }
    EXPECT_EQ(shared.use_count(), 1);
    event.set();
    while (w.loop->turn(false)) {
    }
}

TEST(Scope, reports_failures_and_not_cancellations) {
    World w;
    std::vector<std::string> failures;
    Scope scope(*w.loop, [&](const Error& e) { failures.push_back(e.message); });
    auto fail = []() -> Task<> { co_return Error{Errc::io_failed, "broken"}; };
    scope.spawn(fail());
    scope.spawn(sleep_for(hours(1)));
    w.loop->turn(false);
    scope.cancel();
    ASSERT_TRUE(sync_wait(*w.loop, scope.join()).ok());
    EXPECT_EQ(failures, std::vector<std::string>{"broken"});
    EXPECT_EQ(scope.size(), 0u);
}

TEST(Scope, cancelled_before_its_task_began_never_runs_it) {
    World w;
    bool ran = false;
    Scope scope(*w.loop);
    auto mark = [&]() -> Task<> {
        ran = true;
        co_return Result<>{};
    };
    scope.spawn(mark());
    scope.cancel();
    scope.spawn(mark());
    ASSERT_TRUE(sync_wait(*w.loop, scope.join()).ok());
    EXPECT_FALSE(ran);
}

TEST(Event, wakes_everyone_later_and_not_inside_set) {
    World w;
    Event event;
    int woken = 0;
    Scope scope(*w.loop);
    auto wait = [&]() -> Task<> {
        CO_TRY_VOID(co_await event.wait());
        ++woken;
        co_return Result<>{};
    };
    for (int i = 0; i < 3; ++i) scope.spawn(wait());
    while (w.loop->turn(false)) {
    }
    event.set();
    EXPECT_EQ(woken, 0);
    w.loop->turn(false);
    EXPECT_EQ(woken, 3);
}

TEST(Channel, refuses_or_drops_by_name_when_full) {
    Channel<int> refusing({.capacity = 2, .overflow = Overflow::refuse});
    EXPECT_TRUE(refusing.try_send(1) && refusing.try_send(2));
    EXPECT_FALSE(refusing.try_send(3));
    EXPECT_EQ(refusing.refused(), 1u);
    Channel<int> live({.capacity = 2, .overflow = Overflow::drop_oldest});
    for (int i = 1; i <= 5; ++i) EXPECT_TRUE(live.try_send(i));
    EXPECT_EQ(live.dropped(), 3u);
    EXPECT_EQ(live.try_receive(), 4);
    EXPECT_EQ(live.high_water(), 2u);
}

TEST(Channel, hands_items_over_in_order_and_says_when_it_closes) {
    World w;
    Channel<std::string> channel({.capacity = 2});
    std::string got;
    Scope scope(*w.loop);
    auto produce = [&]() -> Task<> {
        for (char c = 'a'; c <= 'f'; ++c) CO_TRY_VOID(co_await channel.send(std::string(1, c)));
        channel.close();
        co_return Result<>{};
    };
    auto consume = [&]() -> Task<> {
        for (;;) {
            CO_TRY(auto item, co_await channel.receive());
            got += item;
        }
    };
    scope.spawn(produce());
    scope.spawn(consume());
    ASSERT_TRUE(sync_wait(*w.loop, scope.join()).ok());
    EXPECT_EQ(got, "abcdef");
    EXPECT_FALSE(channel.try_send("late"));
}

TEST(Signals, arrive_as_values) {
    auto loop = *Loop::open();
    auto signals = *Signals::open(*loop, {SIGUSR1});
    ::raise(SIGUSR1);
    EXPECT_EQ(*sync_wait(*loop, within(seconds(5), signals->next())), SIGUSR1);
}

TEST(Loop, counts_turns_that_took_too_long) {
    auto loop = *Loop::open({.slow_turn = nanoseconds(0)});
    loop->turn(false);
    EXPECT_GE(loop->counters().slow_turns.load(), 1u);
    EXPECT_GE(loop->counters().slowest_turn_ns.load(), 1);
}

TEST(Loop, a_wall_clock_jump_moves_no_timer) {
    World w;
    auto jump = [&]() -> Task<> {
        w.clock.set_wall({0});
        co_return co_await sleep_for(seconds(1));
    };
    ASSERT_TRUE(sync_wait(*w.loop, jump()).ok());
    EXPECT_EQ(w.elapsed(), seconds(1));
}

TEST(Loop, a_wait_under_a_millisecond_is_not_rounded_up_to_one) {
    epoll_event event{};
    const timespec none{};
    if (epoll_pwait2(-1, &event, 1, &none, nullptr) < 0 && errno == ENOSYS)
        GTEST_SKIP() << "epoll_pwait2 came with Linux 5.11, and qemu has none";
    auto loop = std::move(Loop::open()).value();
    nanoseconds shortest = seconds{1};
    auto wait = [&]() -> Task<> {
        const auto before = loop->clock().steady();
        CO_TRY_VOID(co_await sleep_for(microseconds{50}));
        shortest = std::min<nanoseconds>(shortest, loop->clock().steady() - before);
        co_return Result<>{};
    };
    for (int i = 0; i < 100 && shortest >= milliseconds{1}; ++i)
        ASSERT_TRUE(sync_wait(*loop, wait()));
    EXPECT_GE(shortest, microseconds{50});
    EXPECT_LT(shortest, milliseconds{1});  // of a hundred: the machine may be busy
}

TEST(Loop, polls_while_it_is_to_stay_awake_and_sleeps_again_after) {
    auto loop = std::move(Loop::open()).value();
    const auto turns_of_a_wait = [&] {
        const std::uint64_t before = loop->counters().turns.load();
        auto wait = []() -> Task<> { co_return co_await sleep_for(milliseconds{3}); }();
        EXPECT_TRUE(sync_wait(*loop, std::move(wait)));
        return loop->counters().turns.load() - before;
    };
    std::uint64_t most = 0;  // of a hundred: the machine may be busy
    for (int i = 0; i < 100 && most < 10; ++i) {
        loop->stay_awake_until(loop->clock().steady() + seconds{60});
        most = std::max(most, turns_of_a_wait());
    }
    EXPECT_GE(most, 10u);
    loop->stay_awake_until(loop->clock().steady());
    EXPECT_LT(turns_of_a_wait(), 10u);
}

// Marks itself once more from inside its hook: that runs in the next turn, not forever in this one.
struct Dirty : TurnEnd {
    Loop* loop = nullptr;
    int ends = 0;
    void on_turn_end() override {
        if (++ends < 3) loop->at_turn_end(*this);
    }
};
TEST(Loop, runs_each_turn_end_once_per_turn) {
    World w;
    Dirty dirty;
    dirty.loop = w.loop.get();
    w.loop->at_turn_end(dirty);
    w.loop->at_turn_end(dirty);
    w.loop->turn(false);
    EXPECT_EQ(dirty.ends, 1);
    w.loop->turn(true);
    EXPECT_EQ(dirty.ends, 2);
}

}  // namespace
}  // namespace mw
