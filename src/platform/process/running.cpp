#include "platform/process/running.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "platform/process/pipe_reader.h"

namespace mw::process {
namespace {

constexpr std::size_t piece_bytes_max = std::size_t{64} << 10;
constexpr std::size_t error_line_max = 1024;

std::atomic<bool> input_is_read{false};

// One descriptor, read when there is something: it is watched only while somebody waits, and so
// needs not to be non-blocking, which would be set for others who have it too.
class Tap final : public Watcher {
 public:
    Tap(Loop& loop, Descriptor from) : loop_(loop), from_(std::move(from)) {}
    ~Tap() override { rest(); }
    Task<Bytes> read() {
        if (from_.fd < 0) co_return Bytes{};
        ready_.reset();
        // A regular file is always ready, and epoll says EPERM.
        if (auto watched = loop_.watch(from_.fd, EPOLLIN, *this)) {
            watched_ = true;
            auto outcome = co_await ready_.wait();
            rest();
            CO_TRY_VOID(std::move(outcome));
        } else {
            CO_TRY_VOID(co_await yield());
        }
        Bytes piece(piece_bytes_max);
        ssize_t got = 0;
        while ((got = ::read(from_.fd, piece.data(), piece.size())) < 0 && errno == EINTR) {
        }
        if (got < 0) co_return system_error("reading", errno);
        if (got == 0) from_.close();
        piece.resize(static_cast<std::size_t>(got));
        co_return piece;
    }
    void on_ready(std::uint32_t) override {
        rest();
        ready_.set();
    }

 private:
    void rest() {
        if (std::exchange(watched_, false)) loop_.unwatch(from_.fd, *this);
    }
    Loop& loop_;
    Descriptor from_;
    Event ready_;
    bool watched_ = false;
};

// Standard error, in lines; what is longer than a line may be is cut.
class Complaints {
 public:
    Complaints(Loop& loop, Running::OnError tell)
        : tell_(std::move(tell)), pipe_(loop, [this](std::string_view piece) { take(piece); }) {}
    Result<> start(Descriptor from) { return pipe_.start(std::move(from)); }
    // The last line, when the child has ended.
    const std::string& last() {
        pipe_.finish();
        return last_;
    }

 private:
    void take(std::string_view piece) {
        if (piece.empty()) return say();
        for (const char c : piece) {
            if (c == '\n')
                say();
            else if (line_.size() < error_line_max)
                line_.push_back(c);
        }
    }
    void say() {
        if (!line_.empty()) tell_(last_ = line_);
        line_.clear();
    }
    Running::OnError tell_;
    std::string line_, last_;
    PipeReader pipe_;
};

class RunningChild final : public Running, public Watcher {
 public:
    RunningChild(Loop& loop, OnError on_error)
        : loop_(loop), complaints_(loop, std::move(on_error)) {
        loop_.outside_began();  // virtual time waits for a real program
    }
    ~RunningChild() override {
        end_watch();
        if (id_ > 0) {
            kill_group(id_, SIGKILL);
            static_cast<void>(reap_child(id_));
        }
        loop_.outside_ended();
    }
    Result<> start(const Command& command) {
        TRY(Started started, start_child(command));
        id_ = started.id;
        life_ = std::move(started.life);
        output_ = std::make_unique<Tap>(loop_, std::move(started.output));
        TRY_VOID(complaints_.start(std::move(started.errors)));
        TRY_VOID(loop_.watch(life_.fd, EPOLLIN, *this));
        watched_ = true;
        return {};
    }
    Task<Bytes> read() override { co_return co_await output_->read(); }
    Task<Ended> ended() override {
        CO_TRY_VOID(co_await over_.wait());
        co_return take_end();
    }
    Task<> stop(nanoseconds grace) override {
        if (id_ < 0) co_return Result<>{};
        kill_group(id_, SIGTERM);
        auto waiting = over_.wait();
        auto outcome = co_await within(grace, std::move(waiting));
        kill_group(id_, SIGKILL);  // whoever of the group is left
        take_end();
        if (!outcome && outcome.error().code == Errc::cancelled) co_return std::move(outcome);
        co_return Result<>{};
    }

 private:
    void on_ready(std::uint32_t) override {
        end_watch();
        over_.set();
    }
    void end_watch() {
        if (std::exchange(watched_, false)) loop_.unwatch(life_.fd, *this);
    }
    Ended take_end() {
        if (id_ > 0) {
            end_watch();
            kill_group(id_, SIGKILL);  // what it started and left behind; it is not reaped yet
            end_ = reap_child(std::exchange(id_, -1));
            end_.errors = complaints_.last();
        }
        return end_;
    }

    Loop& loop_;
    pid_t id_ = -1;
    Descriptor life_;
    bool watched_ = false;
    Event over_;
    std::unique_ptr<Tap> output_;
    Complaints complaints_;
    Ended end_;
};

class StandardInput final : public Pieces {
 public:
    explicit StandardInput(Loop& loop)
        : tap_(loop, Descriptor{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)}) {}
    ~StandardInput() override { input_is_read = false; }
    Task<Bytes> read() override { co_return co_await tap_.read(); }

 private:
    Tap tap_;
};

}  // namespace

Result<std::unique_ptr<Running>> Running::start(Command command, OnError on_error) {
    if (command.arguments.empty() || command.arguments[0].empty())
        return Error{Errc::invalid_input, "want the path of a program"};
    auto child = std::make_unique<RunningChild>(Loop::here(), std::move(on_error));
    TRY_VOID(child->start(command));
    return std::unique_ptr<Running>(std::move(child));
}

Result<std::unique_ptr<Pieces>> standard_input() {
    if (input_is_read.exchange(true))
        return Error{Errc::conflict, "another source reads standard input already"};
    return std::unique_ptr<Pieces>(std::make_unique<StandardInput>(Loop::here()));
}

}  // namespace mw::process
