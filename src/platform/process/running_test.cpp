#include "platform/process/running.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

namespace mw::process {
namespace {

Command script_of(std::string text) {
    Command command;
    command.arguments = {"/bin/sh", "-c", std::move(text)};
    return command;
}

class Talk : public testing::Test {
 protected:
    Talk() : loop_(*Loop::open()) {}

    std::unique_ptr<Running> start(std::string text) {
        auto made = sync_wait(*loop_, [this, &text]() -> Task<std::unique_ptr<Running>> {
            co_return Running::start(script_of(text),
                                     [this](std::string_view line) { errors_.emplace_back(line); });
        }());
        EXPECT_TRUE(made) << made.error().message;
        return std::move(*made);
    }
    std::string read(Pieces& from) {
        auto piece = sync_wait(*loop_, from.read());
        EXPECT_TRUE(piece);
        return std::string(text_of(*piece));
    }

    std::unique_ptr<Loop> loop_;
    std::vector<std::string> errors_;
};

TEST_F(Talk, gives_what_a_program_says_before_it_has_ended) {
    auto program = start("echo one; exec sleep 1000");
    EXPECT_EQ(read(*program), "one\n");
    ASSERT_TRUE(sync_wait(*loop_, program->stop(seconds{10})));
    EXPECT_EQ(sync_wait(*loop_, program->ended())->signal, SIGTERM);

    program = start("read line; echo $?");  // there is nothing to read
    EXPECT_EQ(read(*program), "1\n");
    EXPECT_EQ(read(*program), "");
    EXPECT_TRUE(sync_wait(*loop_, program->ended())->ok());
}

TEST_F(Talk, passes_on_errors_in_lines_that_are_cut) {
    auto program =
        start("echo first >&2; head -c 5000 /dev/zero | tr '\\0' x >&2; echo >&2; exit 3");
    EXPECT_EQ(read(*program), "");
    auto ended = sync_wait(*loop_, program->ended());
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->code, 3);
    while (errors_.size() < 2) loop_->turn(true);
    EXPECT_EQ(errors_[0], "first");
    EXPECT_EQ(errors_[1], std::string(1024, 'x'));
}

TEST_F(Talk, waits_with_a_program_that_says_more_than_is_taken) {
    auto program = start("head -c 1000000 /dev/zero; echo done >&2");
    std::size_t bytes = read(*program).size();
    EXPECT_LE(bytes, std::size_t{65536});
    EXPECT_TRUE(errors_.empty());  // it cannot have written all of it
    for (std::string piece; !(piece = read(*program)).empty();) bytes += piece.size();
    EXPECT_EQ(bytes, 1'000'000u);
}

// The group's leader says which process its child is, which ignores SIGTERM.
TEST_F(Talk, ends_the_whole_group) {
    for (const bool in_order : {true, false}) {
        auto program = start("sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & wait");
        const pid_t grandchild = std::atoi(read(*program).c_str());
        ASSERT_GT(grandchild, 1);
        EXPECT_EQ(::kill(grandchild, 0), 0);
        if (in_order) {
            EXPECT_TRUE(sync_wait(*loop_, program->stop(milliseconds{50})));
        }
        program.reset();
        // It is nobody's child of ours: gone, or a zombie until its new parent looks.
        const std::string path = "/proc/" + std::to_string(grandchild) + "/status";
        for (int i = 0; i < 1000; ++i) {
            FILE* file = std::fopen(path.c_str(), "r");
            if (!file) break;
            char text[256] = {};
            const std::size_t got = std::fread(text, 1, sizeof text - 1, file);
            std::fclose(file);
            if (std::string(text, got).find("State:\tZ") != std::string::npos) break;
            ASSERT_TRUE(sync_wait(*loop_, sleep_for(milliseconds{5})));
            ASSERT_LT(i, 999) << "it lives on";
        }
    }
}

TEST_F(Talk, says_what_cannot_be_started) {
    auto made = sync_wait(*loop_, []() -> Task<std::unique_ptr<Running>> {
        Command command;
        command.arguments = {"/no/such/program"};
        co_return Running::start(std::move(command), [](std::string_view) {});
    }());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::not_found);
}

TEST_F(Talk, cancelled_reading_leaves_no_child) {
    auto program = start("exec sleep 1000");
    Scope scope(*loop_);
    bool over = false;
    scope.spawn([](Running& from, bool& done) -> Task<> {
        auto piece = co_await from.read();
        done = !piece && piece.error().code == Errc::cancelled;
        co_return Result<>{};
    }(*program, over));
    loop_->turn(false);
    scope.cancel();
    ASSERT_TRUE(sync_wait(*loop_, scope.join()));
    EXPECT_TRUE(over);
    program.reset();
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

// What stands on descriptor 0 is put back.
class BesideInput {
 public:
    explicit BesideInput(int instead) : before_(::dup(STDIN_FILENO)) {
        ::dup2(instead, STDIN_FILENO);
    }
    ~BesideInput() {
        ::dup2(before_, STDIN_FILENO);
        ::close(before_);
    }

 private:
    int before_;
};

TEST_F(Talk, standard_input_is_read_by_one_at_a_time) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const BesideInput beside(ends[0]);
    auto open = [this] {
        return sync_wait(*loop_,
                         []() -> Task<std::unique_ptr<Pieces>> { co_return standard_input(); }());
    };
    auto input = open();
    ASSERT_TRUE(input);
    EXPECT_EQ(open().error().code, Errc::conflict);
    ASSERT_EQ(::write(ends[1], "x\n", 2), 2);
    EXPECT_EQ(read(**input), "x\n");
    ::close(ends[1]);
    EXPECT_EQ(read(**input), "");
    input->reset();
    EXPECT_TRUE(open());
    ::close(ends[0]);
}

}  // namespace
}  // namespace mw::process
