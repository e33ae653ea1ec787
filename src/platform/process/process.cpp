#include "platform/process/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "platform/process/child.h"

namespace mw::process {
namespace {

// Reads what a child writes, as it comes, so that it never waits for us.
class Listener final : public Watcher {
 public:
    Listener(Loop& loop, std::size_t most) : loop_(loop), most_(most) {}
    ~Listener() override { stop(); }
    Result<> start(Descriptor from) {
        from_ = std::move(from);
        ::fcntl(from_.fd, F_SETFL, O_NONBLOCK);
        TRY_VOID(loop_.watch(from_.fd, EPOLLIN, *this));
        watched_ = true;
        return {};
    }
    void on_ready(std::uint32_t) override {
        char piece[4096];
        for (;;) {
            const ssize_t got = ::read(from_.fd, piece, sizeof piece);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && errno == EAGAIN) return;
            if (got <= 0) return stop();
            const std::size_t room = most_ - text_.size();
            text_.append(piece, std::min(room, static_cast<std::size_t>(got)));
        }
    }
    // What is there when the child has ended; others may hold the other end open for ever.
    std::string take() {
        if (watched_) on_ready(0);
        stop();
        return std::move(text_);
    }

 private:
    void stop() {
        if (std::exchange(watched_, false)) loop_.unwatch(from_.fd, *this);
        from_.close();
    }
    Loop& loop_;
    std::size_t most_;
    Descriptor from_;
    std::string text_;
    bool watched_ = false;
};

class Child final : public Watcher {
 public:
    static Result<std::unique_ptr<Child>> start(Loop& loop, const Command& command);
    ~Child() override {
        end_watch();
        if (id_ > 0) kill(), static_cast<void>(reap());
        loop_.outside_ended();
    }
    Event& ended() { return ended_; }
    void kill() { kill_group(id_, SIGKILL); }
    Ended reap() {
        Ended how = reap_child(std::exchange(id_, -1));
        how.output = output_.take();
        how.errors = errors_.take();
        return how;
    }

 private:
    Child(Loop& loop, std::size_t output_max)
        : loop_(loop), output_(loop, output_max), errors_(loop, output_max) {
        loop_.outside_began();  // virtual time waits for a real program
    }
    void on_ready(std::uint32_t) override {
        end_watch();
        ended_.set();
    }
    void end_watch() {
        if (std::exchange(watched_, false)) loop_.unwatch(life_.fd, *this);
    }

    Loop& loop_;
    pid_t id_ = -1;
    Descriptor life_;
    bool watched_ = false;
    Event ended_;
    Listener output_, errors_;
};

Result<std::unique_ptr<Child>> Child::start(Loop& loop, const Command& command) {
    std::unique_ptr<Child> child(new Child(loop, command.output_max));
    TRY(Started started, start_child(command));
    child->id_ = started.id;
    child->life_ = std::move(started.life);
    TRY_VOID(child->output_.start(std::move(started.output)));
    TRY_VOID(child->errors_.start(std::move(started.errors)));
    TRY_VOID(loop.watch(child->life_.fd, EPOLLIN, *child));
    child->watched_ = true;
    return child;
}

}  // namespace

std::string describe(const Ended& ended) {
    std::string text = ended.signal != 0 ? "was ended by signal " + std::to_string(ended.signal)
                                         : "ended with code " + std::to_string(ended.code);
    std::string_view errors = ended.errors;
    while (!errors.empty() && (errors.back() == '\n' || errors.back() == ' '))
        errors.remove_suffix(1);
    const auto line = errors.rfind('\n');
    if (line != errors.npos) errors.remove_prefix(line + 1);
    if (!errors.empty()) text += ": " + std::string(errors.substr(0, 300));
    return text;
}

Task<Ended> run(Command command) {
    if (command.arguments.empty() || command.arguments[0].empty())
        co_return Error{Errc::invalid_input, "want the path of a program"};
    CO_TRY(const auto child, Child::start(Loop::here(), command));
    auto outcome = co_await within(command.limit, child->ended().wait());
    if (!outcome) {
        child->kill();
        static_cast<void>(child->reap());
        if (outcome.error().code == Errc::timed_out)
            co_return Error{Errc::timed_out, "'" + command.arguments[0] +
                                                 "' was killed: it took longer than " +
                                                 to_text(command.limit)};
        co_return std::move(outcome).error();
    }
    co_return child->reap();
}

}  // namespace mw::process
