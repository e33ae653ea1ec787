#include "platform/process/partner.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

namespace mw::process {
namespace {

constexpr int child_socket = 3, child_shared = 4;
constexpr int end_wait_ms = 500;
constexpr int first_high = 16;  // ours move there, out of the way of the child's numbers

Error partner_error(const std::string& what, int number) {
    const Errc code = number == ENOENT                       ? Errc::not_found
                      : number == EACCES || number == EPERM  ? Errc::denied
                      : number == EAGAIN || number == ENOMEM ? Errc::overloaded
                      : number == EMSGSIZE                   ? Errc::invalid_input
                                                             : Errc::io_failed;
    return Error{code, what + ": " + std::strerror(number)};
}

Result<int> moved_up(int fd) {
    const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, first_high);
    const int number = errno;
    ::close(fd);
    if (high < 0) return partner_error("moving a descriptor", number);
    return high;
}

std::vector<std::string> environment_of(const PartnerCommand& command) {
    std::vector<std::string> list = command.environment;
    for (const char* name : {"PATH", "HOME", "LANG", "TMPDIR"})
        if (const char* value = std::getenv(name)) list.push_back(std::string(name) + "=" + value);
    return list;
}

std::vector<char*> pointers_to(const std::vector<std::string>& list) {
    std::vector<char*> pointers;
    for (const std::string& each : list) pointers.push_back(const_cast<char*>(each.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

// What the new process is given, and nothing else of ours.
class Spawning {
 public:
    Spawning(int socket, int shared) {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions_, socket, child_socket);
        if (shared >= 0) ::posix_spawn_file_actions_adddup2(&actions_, shared, child_shared);
        ::posix_spawn_file_actions_addclosefrom_np(&actions_,
                                                   shared >= 0 ? child_shared + 1 : child_shared);
        ::posix_spawnattr_init(&attributes_);
        sigset_t none, broken_pipe;
        ::sigemptyset(&none);
        ::sigemptyset(&broken_pipe);
        ::sigaddset(&broken_pipe, SIGPIPE);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &broken_pipe);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        ::posix_spawnattr_setflags(
            &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    ~Spawning() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    Spawning(const Spawning&) = delete;
    Spawning& operator=(const Spawning&) = delete;

    Result<pid_t> run(const PartnerCommand& command) {
        const auto environment = environment_of(command);
        pid_t id = -1;
        const int number =
            ::posix_spawn(&id, command.arguments[0].c_str(), &actions_, &attributes_,
                          pointers_to(command.arguments).data(), pointers_to(environment).data());
        if (number != 0) return partner_error("starting '" + command.arguments[0] + "'", number);
        return id;
    }

 private:
    posix_spawn_file_actions_t actions_;
    posix_spawnattr_t attributes_;
};

Result<> send_packet(int socket, ByteView packet) {
    if (packet.size() > packet_max)
        return Error{Errc::invalid_input, "a packet of " + std::to_string(packet.size()) +
                                              " bytes, at most " + std::to_string(packet_max)};
    while (::send(socket, packet.data(), packet.size(), MSG_NOSIGNAL) < 0)
        if (errno != EINTR) return partner_error("talking to another process", errno);
    return {};
}

}  // namespace

Result<SharedBytes> SharedBytes::of(ByteView bytes) {
    const int fd = ::memfd_create("shared", MFD_CLOEXEC);
    if (fd < 0) return partner_error("memfd_create", errno);
    SharedBytes shared(fd);
    for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t wrote = ::write(fd, bytes.data() + at, bytes.size() - at);
        if (wrote < 0 && errno != EINTR) return partner_error("keeping bytes in memory", errno);
        if (wrote > 0) at += static_cast<std::size_t>(wrote);
    }
    TRY(shared.fd_, moved_up(std::exchange(shared.fd_, -1)));
    return shared;
}

SharedBytes::SharedBytes(SharedBytes&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

SharedBytes::~SharedBytes() {
    if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<Partner>> Partner::start(const PartnerCommand& command) {
    if (command.arguments.empty() || command.arguments[0].empty())
        return Error{Errc::invalid_input, "want the path of a program"};
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return partner_error("socketpair", errno);
    auto theirs = moved_up(ends[1]);
    std::unique_ptr<Partner> partner(new Partner(-1, ends[0]));
    if (!theirs) return std::move(theirs).error();
    auto id = Spawning(*theirs, command.shared ? command.shared->descriptor() : -1).run(command);
    ::close(*theirs);
    if (!id) return std::move(id).error();
    partner->id_ = *id;
    return partner;
}

Partner::~Partner() {
    ::close(socket_);
    if (id_ > 0) static_cast<void>(ended());
}

// Kills it, in case it has not ended yet.
Error Partner::ended() {
    ::kill(-id_, SIGKILL), ::kill(id_, SIGKILL);
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    if (!WIFSIGNALED(status))
        return {Errc::io_failed,
                "its process ended with code " + std::to_string(WEXITSTATUS(status))};
    return {Errc::io_failed, "its process was ended by signal " + std::to_string(WTERMSIG(status))};
}

// The kernel closes the socket of one that dies a moment before it says what it died of.
Error Partner::how_it_ended() {
    if (id_ < 0) return Error{Errc::io_failed, "its process has ended"};
    const int life = static_cast<int>(::syscall(SYS_pidfd_open, id_, 0));
    pollfd wait{life, POLLIN, 0};
    static_cast<void>(::poll(&wait, 1, end_wait_ms));
    if (life >= 0) ::close(life);
    return ended();
}

Result<> Partner::tell(ByteView packet) {
    auto sent = send_packet(socket_, packet);
    if (sent || sent.error().code != Errc::io_failed) return sent;
    return how_it_ended();
}

Result<std::size_t> Partner::hear(std::span<std::uint8_t> buffer, nanoseconds limit) {
    const RealClock clock;
    const SteadyTime until = clock.steady() + limit;
    for (;;) {
        const ssize_t got = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got > 0) return static_cast<std::size_t>(got);
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) break;
        const nanoseconds left = std::max(until - clock.steady(), nanoseconds{0});
        if (left.count() == 0) return Error{Errc::timed_out, "no answer within " + to_text(limit)};
        pollfd wait{socket_, POLLIN, 0};
        const timespec time{left / seconds{1}, (left % seconds{1}).count()};
        static_cast<void>(::ppoll(&wait, 1, &time, nullptr));
    }
    return how_it_ended();
}

// ---- in the child

Result<> begin_as_partner() {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return partner_error("prctl", errno);
    struct stat socket {};
    if (::fstat(child_socket, &socket) != 0 || !S_ISSOCK(socket.st_mode))
        return Error{Errc::invalid_input,
                     "no socket at descriptor 3: only another process of ours starts this"};
    return {};
}

Result<Bytes> shared_bytes(std::size_t most) {
    struct stat shared {};
    if (::fstat(child_shared, &shared) != 0) return partner_error("the shared bytes", errno);
    if (shared.st_size < 0 || static_cast<std::uint64_t>(shared.st_size) > most)
        return Error{Errc::invalid_input, "more shared bytes than " + std::to_string(most)};
    Bytes bytes(static_cast<std::size_t>(shared.st_size));
    for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t got =
            ::pread(child_shared, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return partner_error("reading the shared bytes", got < 0 ? errno : EIO);
        at += static_cast<std::size_t>(got);
    }
    return bytes;
}

Result<std::size_t> next_question(std::span<std::uint8_t> buffer) {
    for (;;) {
        const ssize_t got = ::recv(child_socket, buffer.data(), buffer.size(), 0);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) return partner_error("waiting for a question", errno);
    }
}

Result<> answer(ByteView packet) { return send_packet(child_socket, packet); }

// Private memory that may be written: what a library has mapped of its file does not count.
Result<> limit_memory(std::uint64_t bytes) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (!line.starts_with("VmData:")) continue;
        const rlim_t most = std::strtoull(line.c_str() + 7, nullptr, 10) * 1024 + bytes;
        const rlimit limit{most, most};
        if (::setrlimit(RLIMIT_DATA, &limit) != 0) return partner_error("setrlimit", errno);
        return {};
    }
    return Error{Errc::io_failed, "/proc/self/status has no VmData"};
}

}  // namespace mw::process
