#pragma once
// Randomness is a parameter. SystemRandom is the kernel's and may be used from any thread;
// SeededRandom (xoshiro256**, Blackman and Vigna 2018) replays and belongs to one thread.

#include <cstdint>
#include <span>

namespace mw {

class Random {
 public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::uint8_t> bytes) = 0;

    std::uint64_t next();
    double uniform();                          // [0, 1)
    std::uint64_t below(std::uint64_t bound);  // [0, bound), unbiased
    double normal();                           // mean 0, deviation 1 (polar method)
};

class SystemRandom final : public Random {
 public:
    void fill(std::span<std::uint8_t> bytes) override;
};

class SeededRandom final : public Random {
 public:
    explicit SeededRandom(std::uint64_t seed);
    void fill(std::span<std::uint8_t> bytes) override;

 private:
    std::uint64_t step();
    std::uint64_t state_[4];
};

}  // namespace mw
