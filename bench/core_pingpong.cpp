// How long a cache line takes from one processor to another, in ns one way: core_pingpong [CPU
// CPU]. A virtual machine's processors may be near or far from each other, and move while it runs;
// that changes what every program that talks across them costs, so benchmarks of such programs say
// it.
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

constexpr int rounds = 200'000;
constexpr int tries = 5;

bool stay_on(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

void take_turns(std::atomic<int>& line, int mine) {
    for (int i = 0; i < rounds; ++i) {
        while (line.load(std::memory_order_acquire) != mine) {
        }
        line.store(1 - mine, std::memory_order_release);
    }
}

double one_way_ns(int first, int second) {
    alignas(64) std::atomic<int> line{0};
    std::atomic<bool> pinned{true};
    std::thread other([&] {
        if (!stay_on(second)) pinned = false;
        take_turns(line, 1);
    });
    if (!stay_on(first)) pinned = false;
    const auto begin = std::chrono::steady_clock::now();
    take_turns(line, 0);
    other.join();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return pinned ? took.count() / (2.0 * rounds) : -1;
}

}  // namespace

int main(int argc, char** argv) {
    const int first = argc > 2 ? std::atoi(argv[1]) : 0;
    const int second = argc > 2 ? std::atoi(argv[2]) : 1;
    double best = one_way_ns(first, second);
    for (int i = 1; i < tries; ++i) best = std::min(best, one_way_ns(first, second));
    if (best < 0) {
        std::fprintf(stderr, "core_pingpong: CPU %d or %d isn't ours to use\n", first, second);
        return 1;
    }
    std::printf("%.1f\n", best);
}
