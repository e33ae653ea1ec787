#include "insight/statistics/sequential.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/assert.h"
#include "insight/statistics/distributions.h"

namespace mw::statistics {
namespace {

// Gauss-Legendre nodes and weights on (-1, 1), by Newton's method on the polynomial.
struct Nodes {
    std::vector<double> place, weight;
};

Nodes nodes_of(std::size_t count) {
    Nodes nodes;
    for (std::size_t i = 0; i < count; ++i) {
        double x = std::cos(std::numbers::pi * (double(i) + 0.75) / (double(count) + 0.5));
        double slope = 1;
        for (int step = 0; step < 10; ++step) {
            double now = 1, before = 0;
            for (std::size_t k = 1; k <= count; ++k) {
                const double next =
                    (double(2 * k - 1) * x * now - double(k - 1) * before) / double(k);
                before = now;
                now = next;
            }
            slope = double(count) * (x * now - before) / (x * x - 1);
            x -= now / slope;
        }
        nodes.place.push_back(x);
        nodes.weight.push_back(2 / ((1 - x * x) * slope * slope));
    }
    return nodes;
}

// Chance that a sum of unit steps crosses z[k] sqrt(k) at some look: the density of the sums that
// have not crossed is carried from look to look.
double crossing_chance(const std::vector<double>& z, bool two_sided, const Nodes& nodes) {
    const double per_side = two_sided ? 2 : 1;
    double crossed = per_side * normal_cdf(-z[0]);
    std::vector<double> sums, masses, next_sums, next_masses;
    for (std::size_t look = 1; look <= z.size(); ++look) {
        const double root = std::sqrt(double(look)), high = z[look - 1] * root;
        if (look > 1)
            for (std::size_t i = 0; i < sums.size(); ++i)
                crossed += per_side * masses[i] * normal_cdf(sums[i] - high);
        if (look == z.size()) break;
        const double low = two_sided ? -high : -6 * root;
        const double middle = (low + high) / 2, half = (high - low) / 2;
        next_sums.clear();
        next_masses.clear();
        for (std::size_t i = 0; i < nodes.place.size(); ++i) {
            const double sum = middle + half * nodes.place[i];
            double density = look == 1 ? std::exp(-sum * sum / 2) : 0;
            for (std::size_t j = 0; j < sums.size(); ++j)
                density += masses[j] * std::exp(-(sum - sums[j]) * (sum - sums[j]) / 2);
            next_sums.push_back(sum);
            next_masses.push_back(density * half * nodes.weight[i] * std::numbers::inv_sqrtpi /
                                  std::numbers::sqrt2);
        }
        sums.swap(next_sums);
        masses.swap(next_masses);
    }
    return crossed;
}

// The last bound such that all together are crossed with chance alpha; shape[k] times it is bound
// k.
std::vector<double> bounds_of(const std::vector<double>& shape, double alpha, bool two_sided) {
    ASSERT(alpha > 0 && alpha < 1);
    const double looks = double(shape.size()), sides = two_sided ? 2 : 1;
    const Nodes nodes = nodes_of(16 + static_cast<std::size_t>(6 * std::sqrt(looks)));
    std::vector<double> z(shape.size());
    const auto excess = [&](double last) {
        for (std::size_t i = 0; i < z.size(); ++i) z[i] = shape[i] * last;
        return std::log(crossing_chance(z, two_sided, nodes) / alpha);
    };
    // One look would do with `low`; Bonferroni's bound is enough for any number of them.
    double low = -normal_quantile(alpha / sides), high = -normal_quantile(alpha / sides / looks);
    double over = excess(low), under = excess(high);
    for (int step = 0; step < 60 && high - low > 1e-10; ++step) {
        double middle = (low * under - high * over) / (under - over);
        if (!(middle > low && middle < high)) middle = (low + high) / 2;
        const double there = excess(middle);
        if (std::abs(there) < 1e-7) {
            low = high = middle;
        } else if (there > 0) {
            low = middle, over = there, under /= 2;  // Illinois: no end may stay for ever
        } else {
            high = middle, under = there, over /= 2;
        }
    }
    excess((low + high) / 2);
    return z;
}

}  // namespace

std::vector<double> obrien_fleming_bounds(int looks, double alpha, bool two_sided) {
    ASSERT(looks >= 1 && looks <= 50);
    std::vector<double> shape;
    for (int look = 1; look <= looks; ++look)
        shape.push_back(std::sqrt(double(looks) / double(look)));
    return bounds_of(shape, alpha, two_sided);
}

std::vector<double> pocock_bounds(int looks, double alpha, bool two_sided) {
    ASSERT(looks >= 1 && looks <= 50);
    return bounds_of(std::vector<double>(static_cast<std::size_t>(looks), 1), alpha, two_sided);
}

SequentialRatio msprt(double difference, double n_per_arm, double sigma2, double tau2) {
    ASSERT(n_per_arm > 0 && sigma2 > 0 && tau2 > 0);
    const double v = 2 * sigma2 / n_per_arm;
    const double lambda =
        std::sqrt(v / (v + tau2)) * std::exp(tau2 * difference * difference / (2 * v * (v + tau2)));
    return {lambda, std::min(1.0, 1 / lambda)};
}

double confidence_sequence_half_width(double n, double sigma, double rho, double alpha) {
    ASSERT(n > 0 && rho > 0 && alpha > 0 && alpha < 1);
    const double m = n * rho * rho + 1;
    return sigma * std::sqrt(2 * m / (n * n * rho * rho) * std::log(std::sqrt(m) / alpha));
}

double student_e_value(double t, double degrees, double units, double spread, bool two_sided) {
    ASSERT(degrees > 0 && units > 0 && spread > 0);
    const double wide = 1 + units * spread * spread;
    const double square = std::min(t * t, 1e12);
    const double log_factor =
        -0.5 * std::log(wide) +
        (degrees + 1) / 2 * (std::log1p(square / degrees) - std::log1p(square / degrees / wide));
    const double factor = std::exp(log_factor);
    if (two_sided) return factor;
    // Twice the posterior chance that the effect is above zero, which is again a Student's.
    const double scaled = std::copysign(std::sqrt(square), t) * std::sqrt((wide - 1) / wide) *
                          std::sqrt((degrees + 1) / (degrees + square / wide));
    return factor * 2 * student_cdf(scaled, degrees + 1);
}

}  // namespace mw::statistics
