#include "platform/process/process.h"

#include <csignal>

#include "platform/process/pipe_reader.h"

namespace mw::process {
namespace {

// As much of an output as is kept; more is read and dropped.
class Listener {
 public:
    Listener(Loop& loop, std::size_t most)
        : pipe_(loop, [this, most](std::string_view piece) {
              text_.append(piece.substr(0, most - text_.size()));
          }) {}
    Result<> start(Descriptor from) { return pipe_.start(std::move(from)); }
    std::string take() {
        pipe_.finish();
        return std::move(text_);
    }

 private:
    std::string text_;
    PipeReader pipe_;
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
