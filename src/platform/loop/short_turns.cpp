#include "platform/loop/short_turns.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>

namespace mw {
namespace {

// struct sched_attr of sched_setattr(2): the kernel's header does not go with glibc's.
struct SchedulerWish {
    std::uint32_t size = sizeof(SchedulerWish);
    std::uint32_t policy = 0;  // SCHED_OTHER
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = 0;  // of SCHED_OTHER: the slice
    std::uint64_t deadline = 0;
    std::uint64_t period = 0;
};
static_assert(sizeof(SchedulerWish) == 48);

}  // namespace

void ask_for_short_turns() {
    constexpr std::uint64_t shortest_ns = 100'000;  // what the kernel takes
    errno = 0;
    const int niceness = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
    if (errno != 0) return;
    const SchedulerWish wish{.nice = niceness, .runtime = shortest_ns};
    // Refused by a sandbox, or by an older kernel: turns stay as they are.
    [[maybe_unused]] const long outcome = syscall(SYS_sched_setattr, 0, &wish, 0);
}

void give_way() {
    constexpr std::chrono::milliseconds turn{1};
    thread_local std::chrono::steady_clock::time_point began;
    if (std::chrono::steady_clock::now() - began < turn) return;
    sched_yield();
    began = std::chrono::steady_clock::now();
}

}  // namespace mw
