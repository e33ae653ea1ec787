#pragma once
// How far two distributions are apart. Counts are per bin, in the same bins.

#include <cstdint>
#include <span>

namespace mw::drift {

// Population stability index: sum of (c - r) ln(c / r) over shares, each at least 1e-4.
// 0 when either is empty.
double psi(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
// Jensen-Shannon divergence in nats: 0 to ln 2.
double jensen_shannon(std::span<const std::uint64_t> reference,
                      std::span<const std::uint64_t> current);
// Of samples: the area between the two empirical distributions (earth mover's distance).
double wasserstein(std::span<const double> a, std::span<const double> b);

}  // namespace mw::drift
