#include "data/segments/scaled.h"

#include <cstddef>

namespace mw::segments {
namespace {

constexpr int unscalable = exponent_max + 1;

// The smallest exponent at which value is exact, starting from one that fitted its neighbours.
int smallest_exponent(double value, int guess) {
    std::int64_t m = 0;
    int e = guess;
    while (e <= exponent_max && !scale(value, power_of_ten[e], m)) ++e;
    if (e > exponent_max) return unscalable;
    if (m == 0) return 0;
    while (e > 0 && m % 10 == 0) m /= 10, --e;
    return e;
}

}  // namespace

int choose_exponent(std::span<const double> values) {
    constexpr std::size_t probe = 256;  // full-mantissa series cost 16 attempts a value: stop early
    std::array<std::size_t, unscalable + 1> count{};
    int guess = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const int e = smallest_exponent(values[i], guess);
        ++count[e];
        if (e != unscalable && e > guess) guess = e;
        // One odd value must not make all its successors long: begin again now and then.
        if (i % 64 == 63) guess = 0;
        if (i == probe && count[unscalable] > probe * 9 / 10) return -1;
    }
    constexpr double bits_per_digit = 3.33;
    constexpr double bits_raw = 60;
    int best = -1;
    double best_cost = 0.9 * bits_raw * static_cast<double>(values.size());
    std::size_t fitting = 0;
    for (int e = 0; e <= exponent_max; ++e) {
        fitting += count[e];
        const double cost = static_cast<double>(fitting) * bits_per_digit * e +
                            static_cast<double>(values.size() - fitting) * bits_raw;
        if (cost < best_cost) best = e, best_cost = cost;
    }
    return best;
}

}  // namespace mw::segments
