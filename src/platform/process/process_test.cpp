#include "platform/process/process.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>

namespace mw::process {
namespace {

Command shell(std::string script) {
    Command command;
    command.arguments = {"/bin/sh", "-c", std::move(script)};
    return command;
}

Result<Ended> run_it(Command command, LoopOptions options = {}) {
    auto loop = *Loop::open(options);
    return sync_wait(*loop, run(std::move(command)));
}

TEST(Process, tells_what_a_program_said_and_returned) {
    auto ended = run_it(shell("echo out; echo first >&2; echo err >&2; exit 3"));
    ASSERT_TRUE(ended.ok()) << ended.error().message;
    EXPECT_EQ(ended->code, 3);
    EXPECT_EQ(ended->output, "out\n");
    EXPECT_EQ(describe(*ended), "ended with code 3: err");
    auto killed = run_it(shell("kill -TERM $$"));
    ASSERT_TRUE(killed.ok());
    EXPECT_EQ(killed->signal, SIGTERM);
    EXPECT_FALSE(killed->ok());
}

TEST(Process, gives_a_clean_place_and_a_small_environment) {
    ::setenv("MW_SECRET", "x", 1);
    auto command = shell("pwd; echo $GIVEN; echo [$MW_SECRET]; ls /proc/self/fd | wc -l");
    command.directory = "/";
    command.environment = {"GIVEN=this"};
    auto ended = run_it(command);
    ASSERT_TRUE(ended.ok());
    // ls itself opens the folder that it lists.
    EXPECT_EQ(ended->output, "/\nthis\n[]\n4\n");
}

TEST(Process, a_program_that_cannot_start_is_an_error_with_its_name) {
    Command command;
    command.arguments = {"/no/such/program"};
    auto ended = run_it(command);
    ASSERT_FALSE(ended.ok());
    EXPECT_EQ(ended.error().code, Errc::not_found);
    EXPECT_NE(ended.error().message.find("/no/such/program"), std::string::npos);
    auto lost = shell("true");
    lost.directory = "/no/such/folder";
    EXPECT_FALSE(run_it(lost).ok());
}

TEST(Process, a_long_output_is_cut_and_does_not_hang) {
    auto command = shell(
        "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789"
        "01234567890123456789; i=$((i+1)); done");
    command.output_max = 1000;
    auto ended = run_it(command);
    ASSERT_TRUE(ended.ok());
    EXPECT_EQ(ended->output.size(), 1000u);
}

TEST(Process, the_limit_kills_it_and_what_it_started) {
    auto command = shell("(echo $$; while :; do read x < /dev/null; done) & wait");
    command.limit = milliseconds{1};
    auto ended = run_it(command);
    ASSERT_FALSE(ended.ok());
    EXPECT_EQ(ended.error().code, Errc::timed_out);
}

TEST(Process, virtual_time_waits_for_a_real_program) {
    SimulatedClock clock;
    LoopOptions options;
    options.simulated = &clock;
    auto ended =
        run_it(shell("i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo done"), options);
    ASSERT_TRUE(ended.ok()) << ended.error().message;
    EXPECT_EQ(ended->output, "done\n");
}

TEST(Process, cancelling_kills_it) {
    auto loop = *Loop::open();
    Scope scope(*loop);
    scope.spawn([]() -> Task<> {
        auto command = shell("while :; do read x < /dev/null; done");
        CO_TRY(auto ended, co_await run(std::move(command)));
        static_cast<void>(ended);
        co_return Result<>{};
    }());
    loop->turn(false);
    loop->turn(false);
    scope.cancel();
    EXPECT_TRUE(sync_wait(*loop, scope.join()).ok());
    EXPECT_EQ(scope.size(), 0u);
}

}  // namespace
}  // namespace mw::process
