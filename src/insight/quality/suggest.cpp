#include "insight/quality/suggest.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "insight/quality/noise.h"
#include "insight/quality/series.h"
#include "insight/quality/spike.h"

namespace mw::quality {
namespace {

constexpr std::size_t least_points = 200;
constexpr double margin = 1.25;     // beyond the strangest that was seen
constexpr double range_margin = 1;  // of the span
constexpr double spike_least = 8, spike_most = 16;
constexpr double noise_margin = 1.75, noise_least = 3, noise_most = 4.5;
constexpr double regular_share = .8;  // of the steps, for an interval to be expected
constexpr double rising_share = .995;

struct History {
    std::span<const Timestamp> times;
    std::span<const double> values;
    std::size_t size() const { return values.size(); }
    std::int64_t step_ns(std::size_t i) const { return minus(times[i], times[i - 1]); }
};

// Three digits, away from what was seen: people read it.
double readable(double value, bool up) {
    if (value == 0) return 0;
    const double unit = std::pow(10, std::floor(std::log10(std::abs(value))) - 2);
    return (up ? std::ceil(value / unit) : std::floor(value / unit)) * unit;
}

// Whole milliseconds above a second.
nanoseconds readable(std::int64_t ns) {
    const std::int64_t unit = ns > 1'000'000'000 ? 1'000'000 : 1;
    return nanoseconds{(ns + unit / 2) / unit * unit};
}

void suggest_every(const History& history, Suggestion& out) {
    std::vector<std::int64_t> steps;
    for (std::size_t i = 1; i < history.size(); ++i) steps.push_back(history.step_ns(i));
    const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
    std::nth_element(steps.begin(), middle, steps.end());
    const std::int64_t usual = *middle;
    const auto regular = std::count_if(steps.begin(), steps.end(), [&](std::int64_t step) {
        return step >= usual / 2 && step - usual <= usual / 2;
    });
    if (usual > 0 &&
        static_cast<double>(regular) >= regular_share * static_cast<double>(steps.size()))
        out.rules.every = readable(usual);
    else
        out.words.push_back("every: its points come at no regular interval");
}

bool is_counter(const History& history) {
    std::size_t rises = 0, falls = 0;
    for (std::size_t i = 1; i < history.size(); ++i) {
        rises += history.values[i] > history.values[i - 1] ? 1 : 0;
        falls += history.values[i] < history.values[i - 1] ? 1 : 0;
    }
    const auto all = static_cast<double>(rises + falls);
    return rises > least_points / 4 && static_cast<double>(rises) >= rising_share * all;
}

void suggest_range(const History& history, Suggestion& out) {
    const auto [least, most] = std::minmax_element(history.values.begin(), history.values.end());
    const double room = range_margin * (*most - *least);
    if (out.rules.counter) {
        out.words.push_back("range: a counter has none");
    } else if (room > 0) {
        out.rules.min = readable(*least - room, false);
        out.rules.max = readable(*most + room, true);
    } else {
        out.words.push_back("range: it never changed");
    }
}

void suggest_rate(const History& history, Suggestion& out) {
    double most = 0;
    for (std::size_t i = 1; i < history.size(); ++i) {
        const double change = history.values[i] - history.values[i - 1];
        if (history.step_ns(i) <= 0 || (out.rules.counter && change < 0)) continue;
        most = std::max(most, std::abs(change) / static_cast<double>(history.step_ns(i)) * 1e9);
    }
    if (most > 0) out.rules.max_rate = readable(2 * margin * most, true);
}

// Half as long again as it ever stood still.
void suggest_stuck(const History& history, Suggestion& out) {
    std::size_t since = 0, longest_points = 0;
    std::int64_t longest_ns = 0;
    for (std::size_t i = 1; i < history.size(); ++i) {
        if (history.values[i] != history.values[i - 1]) since = i;
        longest_points = std::max(longest_points, i - since);
        longest_ns = std::max(longest_ns, minus(history.times[i], history.times[since]));
    }
    if (longest_points > history.size() / 100)
        return out.words.push_back("stuck_after: it often stands still");
    const std::int64_t ten = 10 * out.rules.every.count();
    out.rules.stuck_after = readable(std::max(longest_ns + longest_ns / 2, ten));
}

template <class Tracker, class Input>
double strangest(const History& history, double k, Input&& input) {
    Tracker tracker;
    double most = 0;
    for (std::size_t i = 1; i < history.size(); ++i)
        most = std::max(most, tracker.ratio(input(i), k));
    return most;
}

void suggest_trackers(const History& history, Suggestion& out) {
    if (out.rules.counter)
        return out.words.push_back("spike, noise: a counter's steps are its rate");
    const double spike = strangest<SpikeTracker>(history, spike_least,
                                                 [&](std::size_t i) { return history.values[i]; });
    if (spike == 0)
        out.words.push_back("spike: it never moved");
    else if (margin * spike > spike_most)
        out.words.push_back("spike: it leaves its level by itself");
    else
        out.rules.spike = readable(std::max(spike_least, margin * spike), true);
    const double noise = strangest<NoiseTracker>(history, noise_most, [&](std::size_t i) {
        return history.values[i] - history.values[i - 1];
    });
    if (noise == 0 || noise_margin * noise > noise_most)
        out.words.push_back("noise: it trembles now more, now less, by itself");
    else
        out.rules.noise = readable(std::max(noise_least, noise_margin * noise), true);
}

}  // namespace

Suggestion suggest(std::span<const Timestamp> times, std::span<const double> values) {
    ASSERT(times.size() == values.size());
    Suggestion out;
    if (values.size() < least_points) {
        out.words.push_back("nothing: it has " + std::to_string(values.size()) + " points, and " +
                            std::to_string(least_points) + " would say something");
        return out;
    }
    const History history{times, values};
    suggest_every(history, out);
    out.rules.counter = is_counter(history);
    suggest_range(history, out);
    suggest_rate(history, out);
    suggest_stuck(history, out);
    suggest_trackers(history, out);
    return out;
}

}  // namespace mw::quality
