#pragma once
// MT19937 (Matsumoto and Nishimura 1998), seeded and sampled as Python's random.Random does, so
// that detectors whose known answers depend on it can be compared. Not for anything secret.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mw::drift {

class MersenneTwister {
 public:
    explicit MersenneTwister(std::uint32_t seed);
    static MersenneTwister plain(std::uint32_t seed);  // seeded as the paper does
    std::uint32_t next();
    // Below n, by rejection over as few bits as hold n.
    std::uint32_t below(std::uint32_t n);
    // `count` different indices below `population`, in random order.
    std::vector<std::size_t> sample(std::size_t population, std::size_t count);

 private:
    MersenneTwister() = default;
    void fill(std::uint32_t seed);
    void refill();

    static constexpr std::size_t size = 624;
    std::array<std::uint32_t, size> state_;
    std::size_t at_ = size;
};

}  // namespace mw::drift
