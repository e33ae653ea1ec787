#include "insight/statistics/samples.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/assert.h"
#include "insight/statistics/distributions.h"

namespace mw::statistics {
namespace {

struct Entry {
    double value;
    bool of_x;
};

// Ways to get each u from a and b values in every order, as shares of all orders.
std::vector<double> shares_of_u(std::size_t a, std::size_t b) {
    // The Gaussian binomial coefficient, factor by factor: times (1 - q^(b+i)), over (1 - q^i).
    std::vector<double> ways(a * b + 1, 0);
    ways[0] = 1;
    for (std::size_t i = 1; i <= a; ++i) {
        for (std::size_t u = ways.size(); u-- > b + i;) ways[u] -= ways[u - b - i];
        for (std::size_t u = i; u < ways.size(); ++u) ways[u] += ways[u - i];
    }
    const double all = std::accumulate(ways.begin(), ways.end(), 0.0);
    for (double& share : ways) share /= all;
    return ways;
}

}  // namespace

double mean(std::span<const double> values) {
    if (values.empty()) return 0;
    return std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

double variance(std::span<const double> values) {
    if (values.size() < 2) return 0;
    const double centre = mean(values);
    double squares = 0;
    for (const double value : values) squares += (value - centre) * (value - centre);
    return squares / double(values.size() - 1);
}

double quantile(std::span<const double> values, double share) {
    ASSERT(share >= 0 && share <= 1);
    if (values.empty()) return 0;
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    const double place = share * double(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const double next = sorted[std::min(below + 1, sorted.size() - 1)];
    return sorted[below] + (place - double(below)) * (next - sorted[below]);
}

double autocorrelation(std::span<const double> values, std::size_t lag) {
    if (lag >= values.size()) return 0;
    const double centre = mean(values);
    double together = 0, squares = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double d = values[i] - centre;
        squares += d * d;
        if (i >= lag) together += d * (values[i - lag] - centre);
    }
    return squares > 0 ? together / squares : 0;
}

double effective_sample_size(double n, double lag_1) {
    const double r = std::clamp(lag_1, 0.0, 0.999999);  // a negative one is not trusted to help
    return n <= 1 ? n : std::max(1.0, n * (1 - r) / (1 + r));
}

std::size_t block_length(std::span<const double> values) {
    const std::size_t n = values.size();
    if (n < 6) return 1;
    const std::size_t longest = n / 3;
    // The last lag that differs from none, before a run of lags that do not.
    const double limit = 2 * std::sqrt(std::log10(double(n)) / double(n));
    const auto run = std::max<std::size_t>(
        5, static_cast<std::size_t>(std::ceil(std::sqrt(std::log10(double(n))))));
    std::size_t last = 0;
    for (std::size_t lag = 1; lag <= std::min(last + run, longest); ++lag)
        if (std::abs(autocorrelation(values, lag)) > limit) last = lag;
    if (last == 0) return 1;
    // Flat-top window of twice that width (Politis and Romano 1995).
    const double width = 2.0 * double(last);
    double level = 1, slope = 0;
    for (std::size_t lag = 1; lag <= std::min(static_cast<std::size_t>(width), n - 1); ++lag) {
        const double share = double(lag) / width;
        const double weight = share <= 0.5 ? 1 : 2 * (1 - share);
        const double r = autocorrelation(values, lag);
        level += 2 * weight * r;
        slope += 2 * weight * double(lag) * r;
    }
    const double spread = 4.0 / 3.0 * level * level;  // circular blocks
    if (spread <= 0) return longest;
    const double best = std::cbrt(2 * slope * slope / spread * double(n));
    return std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil(best)), 1, longest);
}

double cuped_theta(std::span<const double> pre, std::span<const double> post) {
    ASSERT(pre.size() == post.size());
    const double centre_pre = mean(pre), centre_post = mean(post);
    double together = 0, squares = 0;
    for (std::size_t i = 0; i < pre.size(); ++i) {
        together += (pre[i] - centre_pre) * (post[i] - centre_post);
        squares += (pre[i] - centre_pre) * (pre[i] - centre_pre);
    }
    return squares > 0 ? together / squares : 0;
}

RankTest mann_whitney(std::span<const double> x, std::span<const double> y) {
    if (x.empty() || y.empty()) return {};
    std::vector<Entry> all;
    for (const double value : x) all.push_back({value, true});
    for (const double value : y) all.push_back({value, false});
    std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.value < b.value; });
    double ranks = 0, ties = 0;
    for (std::size_t from = 0, to; from < all.size(); from = to) {
        for (to = from; to < all.size() && all[to].value == all[from].value;) ++to;
        const double count = double(to - from), rank = double(from) + (count + 1) / 2;
        ties += count * count * count - count;
        for (std::size_t i = from; i < to; ++i)
            if (all[i].of_x) ranks += rank;
    }
    const double a = double(x.size()), b = double(y.size()), n = a + b;
    RankTest test;
    test.u = ranks - a * (a + 1) / 2;
    if (ties == 0 && x.size() * y.size() <= 400) {
        const auto shares = shares_of_u(x.size(), y.size());
        const auto u = static_cast<std::size_t>(std::llround(test.u));
        const auto at = shares.begin() + static_cast<std::ptrdiff_t>(u);
        test.p_greater = std::accumulate(at, shares.end(), 0.0);
        const double p_less = std::accumulate(shares.begin(), at + 1, 0.0);
        test.p_two_sided = std::min(1.0, 2 * std::min(test.p_greater, p_less));
        return test;
    }
    const double deviation = std::sqrt(a * b / 12 * (n + 1 - ties / (n * (n - 1))));
    if (deviation == 0) return test;
    const double above = test.u - a * b / 2;
    test.p_greater = normal_cdf(-(above - 0.5) / deviation);
    test.p_two_sided = std::min(1.0, 2 * normal_cdf(-(std::abs(above) - 0.5) / deviation));
    return test;
}

std::vector<double> false_discovery_p(std::span<const double> p_values) {
    std::vector<std::size_t> order(p_values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return p_values[a] > p_values[b]; });
    std::vector<double> adjusted(p_values.size());
    double least = 1;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const double rank = double(order.size() - i);
        least = std::min(least, p_values[order[i]] * double(order.size()) / rank);
        adjusted[order[i]] = least;
    }
    return adjusted;
}

}  // namespace mw::statistics
