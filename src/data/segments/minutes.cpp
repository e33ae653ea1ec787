#include "data/segments/minutes.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mw::segments {
namespace {

constexpr std::int64_t minute_ns = 60'000'000'000;
// Integers of 51 bits: so many of them fit into 63.
constexpr std::int64_t exact_rows_max = 4096;
constexpr std::int64_t exact_double = std::int64_t{1} << 53;

std::int64_t minute_of(std::int64_t time) {
    const std::int64_t into = time % minute_ns;
    const std::int64_t back = into < 0 ? into + minute_ns : into;
    // The first minute that has int64 nanoseconds begins before they do.
    constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
    return time < lowest + back ? lowest : time - back;
}

std::int64_t end_of(std::int64_t minute) {
    constexpr auto highest = std::numeric_limits<std::int64_t>::max();
    return minute > highest - minute_ns ? highest : minute_of(minute + minute_ns) - 1;
}

}  // namespace

void MinuteColumns::clear() {
    for (auto* column : {&begin, &count, &good, &first_time, &last_time}) column->clear();
    for (auto* column : {&min, &max, &sum, &first, &last}) column->clear();
}

void Minutes::add(const history::Columns& rows, const ScaledSeries& scaled) {
    divisor_ = power_of_ten[std::max(scaled.exponent(), 0)];
    for (std::size_t row = 0; row < rows.size();) {
        const std::int64_t time = rows.times[row].ns;
        if (open_.count == 0 || time > last_) {
            close();
            open_.begin = minute_of(time);
            last_ = end_of(open_.begin);
        }
        row = add_minute(rows, scaled, row);
    }
}

// The rows of the open minute from `from` on; gives the first row behind it.
std::size_t Minutes::add_minute(const history::Columns& rows, const ScaledSeries& scaled,
                                std::size_t from) {
    Minute minute = open_;
    std::size_t row = from;
    for (; row < rows.size() && rows.times[row].ns <= last_; ++row) {
        const double value = rows.values[row];
        if (!rows.quality[row].is_good() || std::isnan(value)) continue;
        minute.add_good(rows.times[row].ns, value);
        minute.exact = minute.exact && minute.good <= exact_rows_max && scaled.exact(row);
        if (minute.exact) minute.integers += scaled.integers()[row];
    }
    minute.count += static_cast<std::int64_t>(row - from);
    open_ = minute;
    return row;
}

void Minutes::Minute::add_good(std::int64_t time, double value) {
    if (good++ == 0) {
        min = max = first = value;
        first_time = time;
    }
    min = std::min(min, value);
    max = std::max(max, value);
    sum += value;
    last = value;
    last_time = time;
}

void Minutes::close() {
    if (open_.count == 0) return;
    closed_.begin.push_back(open_.begin);
    closed_.count.push_back(open_.count);
    closed_.good.push_back(open_.good);
    if (open_.good > 0) {
        const bool exact = open_.exact && std::abs(open_.integers) <= exact_double;
        closed_.min.push_back(open_.min);
        closed_.max.push_back(open_.max);
        closed_.sum.push_back(exact ? static_cast<double>(open_.integers) / divisor_ : open_.sum);
        closed_.first.push_back(open_.first);
        closed_.last.push_back(open_.last);
        closed_.first_time.push_back(open_.first_time);
        closed_.last_time.push_back(open_.last_time);
    }
    open_ = {};
}

void Minutes::end_series() { close(); }

}  // namespace mw::segments
