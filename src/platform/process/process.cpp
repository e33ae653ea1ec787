#include "platform/process/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace mw::process {
namespace {

constexpr rlim_t files_max = 4096;

struct Descriptor {
    int fd = -1;
    explicit Descriptor(int number = -1) : fd(number) {}
    Descriptor(Descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd, other.fd);
        return *this;
    }
    ~Descriptor() { close(); }
    void close() {
        if (fd >= 0) ::close(std::exchange(fd, -1));
    }
};

Error system_error(const std::string& what, int number) {
    const Errc code = number == ENOENT                       ? Errc::not_found
                      : number == EACCES || number == EPERM  ? Errc::denied
                      : number == EAGAIN || number == ENOMEM ? Errc::overloaded
                                                             : Errc::io_failed;
    return Error{code, what + ": " + std::strerror(number)};
}

struct Pipe {
    Descriptor read, write;
};
Result<Pipe> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe", errno);
    return Pipe{Descriptor{ends[0]}, Descriptor{ends[1]}};
}

// What the child needs, laid out before the fork: afterwards nothing may allocate.
struct Prepared {
    explicit Prepared(const Command& command) : text(command.environment) {
        for (const std::string name : {"PATH", "HOME", "LANG", "TMPDIR"}) {
            const char* value = std::getenv(name.c_str());
            const bool given = std::ranges::any_of(command.environment, [&](const auto& each) {
                return each.starts_with(name + "=");
            });
            if (value && !given) text.push_back(name + "=" + value);
        }
        for (const auto& argument : command.arguments)
            arguments.push_back(const_cast<char*>(argument.c_str()));
        for (const auto& variable : text)
            environment.push_back(const_cast<char*>(variable.c_str()));
        arguments.push_back(nullptr);
        environment.push_back(nullptr);
    }
    std::vector<std::string> text;
    std::vector<char*> arguments, environment;
};

[[noreturn]] void become(const Command& command, const Prepared& prepared, int nothing, int output,
                         int errors, int trouble) {
    auto give_up = [trouble] {
        const int number = errno;
        static_cast<void>(::write(trouble, &number, sizeof number));
        ::_exit(127);
    };
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    const rlimit no_core{0, 0}, few_files{files_max, files_max};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::setrlimit(RLIMIT_NOFILE, &few_files);
    // Whatever others forgot to mark. Where the kernel does not know it, their marks must do.
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (::dup2(nothing, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(errors, 2) < 0) give_up();
    if (!command.directory.empty() && ::chdir(command.directory.c_str()) != 0) give_up();
    ::execve(prepared.arguments[0], prepared.arguments.data(), prepared.environment.data());
    give_up();
    ::_exit(127);
}

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
    void kill() { ::kill(-id_, SIGKILL), ::kill(id_, SIGKILL); }
    Ended reap() {
        int status = 0;
        while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
        }
        id_ = -1;
        Ended how;
        if (WIFSIGNALED(status))
            how.code = -1, how.signal = WTERMSIG(status);
        else
            how.code = WEXITSTATUS(status);
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
    Descriptor nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    TRY(Pipe output, make_pipe());
    TRY(Pipe errors, make_pipe());
    TRY(Pipe trouble, make_pipe());
    const Prepared prepared(command);
    child->id_ = ::fork();
    if (child->id_ == 0)
        become(command, prepared, nothing.fd, output.write.fd, errors.write.fd, trouble.write.fd);
    if (child->id_ < 0) return system_error("fork", errno);
    ::setpgid(child->id_, child->id_);  // whichever of the two comes first
    trouble.write.close(), output.write.close(), errors.write.close();
    int number = 0;
    if (::read(trouble.read.fd, &number, sizeof number) == sizeof number)
        return system_error("starting '" + command.arguments[0] + "'", number);
    TRY_VOID(child->output_.start(std::move(output.read)));
    TRY_VOID(child->errors_.start(std::move(errors.read)));
    child->life_ = Descriptor{static_cast<int>(::syscall(SYS_pidfd_open, child->id_, 0))};
    if (child->life_.fd < 0) return system_error("pidfd_open", errno);
    ::fcntl(child->life_.fd, F_SETFD, FD_CLOEXEC);
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
