#include "base/random.h"

#include <sys/random.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/assert.h"

namespace mw {

std::uint64_t Random::next() {
    std::uint64_t value;
    fill({reinterpret_cast<std::uint8_t*>(&value), sizeof value});
    return value;
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

std::uint64_t Random::below(std::uint64_t bound) {
    ASSERT(bound > 0);
    const std::uint64_t limit = -bound % bound;  // values below it would be over-represented
    for (;;)
        if (const std::uint64_t value = next(); value >= limit) return value % bound;
}

double Random::normal() {
    for (;;) {
        const double u = 2 * uniform() - 1, v = 2 * uniform() - 1, s = u * u + v * v;
        if (s > 0 && s < 1) return u * std::sqrt(-2 * std::log(s) / s);
    }
}

void SystemRandom::fill(std::span<std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = getrandom(bytes.data(), bytes.size(), 0);
        ASSERT(n > 0);  // the kernel's pool does not fail once it is seeded
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
}

SeededRandom::SeededRandom(std::uint64_t seed) {
    for (auto& word : state_) {  // SplitMix64, as the authors advise
        seed += 0x9e3779b97f4a7c15;
        std::uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        word = z ^ (z >> 31);
    }
}

std::uint64_t SeededRandom::step() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

void SeededRandom::fill(std::span<std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const std::uint64_t word = step();
        const std::size_t n = std::min(bytes.size(), sizeof word);
        std::memcpy(bytes.data(), &word, n);
        bytes = bytes.subspan(n);
    }
}

}  // namespace mw
