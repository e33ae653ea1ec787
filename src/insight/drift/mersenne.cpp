#include "insight/drift/mersenne.h"

#include <bit>
#include <cmath>
#include <numeric>
#include <set>

namespace mw::drift {
namespace {
constexpr std::size_t middle = 397;
}

void MersenneTwister::fill(std::uint32_t seed) {
    state_[0] = seed;
    for (std::uint32_t i = 1; i < size; ++i)
        state_[i] = 1812433253u * (state_[i - 1] ^ state_[i - 1] >> 30) + i;
}

MersenneTwister MersenneTwister::plain(std::uint32_t seed) {
    MersenneTwister made;
    made.fill(seed);
    return made;
}

// init_by_array with a key of one word.
MersenneTwister::MersenneTwister(std::uint32_t seed) {
    fill(19650218);
    const auto mix = [this](std::size_t i) { return state_[i - 1] ^ state_[i - 1] >> 30; };
    std::size_t i = 1;
    const auto step = [&] {
        if (++i < size) return;
        state_[0] = state_[size - 1];
        i = 1;
    };
    for (std::size_t k = 0; k < size; ++k, step())
        state_[i] = (state_[i] ^ mix(i) * 1664525u) + seed;
    for (std::size_t k = 1; k < size; ++k, step())
        state_[i] = (state_[i] ^ mix(i) * 1566083941u) - static_cast<std::uint32_t>(i);
    state_[0] = 0x80000000u;
}

void MersenneTwister::refill() {
    for (std::size_t i = 0; i < size; ++i) {
        const std::uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % size] & 0x7fffffffu);
        state_[i] = state_[(i + middle) % size] ^ y >> 1 ^ ((y & 1) != 0 ? 0x9908b0dfu : 0);
    }
    at_ = 0;
}

std::uint32_t MersenneTwister::next() {
    if (at_ == size) refill();
    std::uint32_t y = state_[at_++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

std::uint32_t MersenneTwister::below(std::uint32_t n) {
    const int bits = std::bit_width(n);
    std::uint32_t drawn = next() >> (32 - bits);
    while (drawn >= n) drawn = next() >> (32 - bits);
    return drawn;
}

// Small populations by a shrinking pool, large ones by drawing again what was drawn before.
std::vector<std::size_t> MersenneTwister::sample(std::size_t population, std::size_t count) {
    std::size_t set_size = 21;
    if (count > 5)
        set_size += static_cast<std::size_t>(
            std::pow(4, std::ceil(std::log(static_cast<double>(count * 3)) / std::log(4))));
    std::vector<std::size_t> drawn;
    if (population <= set_size) {
        std::vector<std::size_t> pool(population);
        std::iota(pool.begin(), pool.end(), std::size_t{0});
        for (std::size_t i = 0; i < count; ++i) {
            const auto j = below(static_cast<std::uint32_t>(population - i));
            drawn.push_back(pool[j]);
            pool[j] = pool[population - i - 1];
        }
        return drawn;
    }
    std::set<std::size_t> seen;
    while (drawn.size() < count) {
        const std::size_t j = below(static_cast<std::uint32_t>(population));
        if (seen.insert(j).second) drawn.push_back(j);
    }
    return drawn;
}

}  // namespace mw::drift
