#include "platform/process/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace mw::process {
namespace {

constexpr rlim_t files_max = 4096;

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

}  // namespace

Error system_error(const std::string& what, int number) {
    const Errc code = number == ENOENT                       ? Errc::not_found
                      : number == EACCES || number == EPERM  ? Errc::denied
                      : number == EAGAIN || number == ENOMEM ? Errc::overloaded
                                                             : Errc::io_failed;
    return Error{code, what + ": " + std::strerror(number)};
}

Result<Started> start_child(const Command& command) {
    Descriptor nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    TRY(Pipe output, make_pipe());
    TRY(Pipe errors, make_pipe());
    TRY(Pipe trouble, make_pipe());
    const Prepared prepared(command);
    const pid_t id = ::fork();
    if (id == 0)
        become(command, prepared, nothing.fd, output.write.fd, errors.write.fd, trouble.write.fd);
    if (id < 0) return system_error("fork", errno);
    ::setpgid(id, id);  // whichever of the two comes first
    trouble.write.close(), output.write.close(), errors.write.close();
    int number = 0;
    if (::read(trouble.read.fd, &number, sizeof number) == sizeof number) {
        static_cast<void>(reap_child(id));
        return system_error("starting '" + command.arguments[0] + "'", number);
    }
    Descriptor life{static_cast<int>(::syscall(SYS_pidfd_open, id, 0))};
    if (life.fd < 0) {
        const int why = errno;
        kill_group(id, SIGKILL);
        static_cast<void>(reap_child(id));
        return system_error("pidfd_open", why);
    }
    ::fcntl(life.fd, F_SETFD, FD_CLOEXEC);
    return Started{id, std::move(life), std::move(output.read), std::move(errors.read)};
}

void kill_group(pid_t id, int signal) { ::kill(-id, signal), ::kill(id, signal); }

Ended reap_child(pid_t id) {
    int status = 0;
    while (::waitpid(id, &status, 0) < 0 && errno == EINTR) {
    }
    Ended how;
    if (WIFSIGNALED(status))
        how.code = -1, how.signal = WTERMSIG(status);
    else
        how.code = WEXITSTATUS(status);
    return how;
}

}  // namespace mw::process
