#include "insight/statistics/distributions.h"

#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>

#include "base/assert.h"

namespace mw::statistics {
namespace {

// Doubles are enough (no long double inside), and what overflows is infinite rather than thrown.
using Policy = boost::math::policies::policy<
    boost::math::policies::promote_double<false>,
    boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
    boost::math::policies::underflow_error<boost::math::policies::ignore_error>>;
const Policy policy{};

bool inside(double p) { return p > 0 && p < 1; }

}  // namespace

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

double normal_quantile(double p) {
    ASSERT(inside(p));
    return -std::sqrt(2.0) * boost::math::erfc_inv(2 * p, policy);
}

double student_cdf(double t, double degrees) {
    ASSERT(degrees > 0);
    if (std::isinf(t)) return t > 0 ? 1 : 0;
    if (t == 0) return 0.5;
    // The smaller tail, by the form that keeps its digits: far out in the first, near 0 in the
    // second.
    const double square = t * t;
    const double tail =
        square > degrees
            ? 0.5 * boost::math::ibeta(degrees / 2, 0.5, degrees / (degrees + square), policy)
            : 0.5 * boost::math::ibetac(0.5, degrees / 2, square / (degrees + square), policy);
    return t > 0 ? 1 - tail : tail;
}

double student_quantile(double p, double degrees) {
    ASSERT(inside(p) && degrees > 0);
    if (p == 0.5) return 0;
    const double tail = 2 * std::min(p, 1 - p);
    double rest = 0;  // 1 - x, which keeps its digits where x is close to 1
    const double x = boost::math::ibeta_inv(degrees / 2, 0.5, tail, &rest, policy);
    const double t = std::sqrt(degrees * rest / x);
    return p < 0.5 ? -t : t;
}

double chi_square_cdf(double x, double degrees) {
    ASSERT(degrees > 0);
    return x <= 0 ? 0 : boost::math::gamma_p(degrees / 2, x / 2, policy);
}

double chi_square_tail(double x, double degrees) {
    ASSERT(degrees > 0);
    return x <= 0 ? 1 : boost::math::gamma_q(degrees / 2, x / 2, policy);
}

double chi_square_quantile(double p, double degrees) {
    ASSERT(inside(p) && degrees > 0);
    return 2 * boost::math::gamma_p_inv(degrees / 2, p, policy);
}

double gamma_quantile(double p, double shape, double scale) {
    ASSERT(inside(p) && shape > 0 && scale > 0);
    return scale * boost::math::gamma_p_inv(shape, p, policy);
}

double beta_cdf(double x, double a, double b) {
    ASSERT(a > 0 && b > 0);
    return x <= 0 ? 0 : x >= 1 ? 1 : boost::math::ibeta(a, b, x, policy);
}

double beta_quantile(double p, double a, double b) {
    ASSERT(inside(p) && a > 0 && b > 0);
    return boost::math::ibeta_inv(a, b, p, policy);
}

}  // namespace mw::statistics
