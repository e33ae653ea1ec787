#include "data/segments/minutes.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mw::segments {
namespace {

constexpr std::int64_t minute_ns = 60'000'000'000;
// The sum of so many integers of 51 bits fits into 63; of more, doubles are added.
constexpr std::int64_t scaled_rows_max = 4096;
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
    form.clear();
    for (auto* column : {&begin, &count, &good, &first_time, &last_time}) column->clear();
    for (auto& column : scaled) column.clear();
    for (auto& column : raw) column.clear();
}

template <class T>
void Minutes::Values<T>::append_to(std::vector<T> (&columns)[minute_values]) const {
    const T all[minute_values] = {min, max, sum, first, last};
    for (std::size_t i = 0; i < minute_values; ++i) columns[i].push_back(all[i]);
}

void Minutes::add(const history::Columns& rows, const ScaledSeries& scaled) {
    divisor_ = power_of_ten[std::max(scaled.exponent(), 0)];
    for (std::size_t row = 0; row < rows.size();) {
        if (count_ == 0 || rows.times[row].ns > end_) open(rows.times[row].ns);
        std::size_t stop = row + 1;
        while (stop < rows.size() && rows.times[stop].ns <= end_) ++stop;
        add_rows(rows, scaled, row, stop);
        row = stop;
    }
}

void Minutes::open(std::int64_t time) {
    close();
    begin_ = minute_of(time);
    end_ = end_of(begin_);
}

void Minutes::add_rows(const history::Columns& rows, const ScaledSeries& scaled, std::size_t from,
                       std::size_t to) {
    count_ += static_cast<std::int64_t>(to - from);
    bool good = scaled_ && scaled.exact(from) && scaled.end_of_run(from, to) == to &&
                count_ <= scaled_rows_max;
    for (std::size_t row = from; row < to; ++row) good = good && rows.quality[row].is_good();
    if (good) return add_scaled(rows, scaled, from, to);
    for (std::size_t row = from; row < to; ++row) {
        if (!rows.quality[row].is_good() || std::isnan(rows.values[row])) continue;
        if (scaled_ && scaled.exact(row) && good_ < scaled_rows_max) {
            add_scaled(rows, scaled, row, row + 1);
        } else {
            make_raw();
            note_good(rows.times[row].ns);
            add_raw(rows.values[row]);
        }
    }
}

// Good values that have integers.
void Minutes::add_scaled(const history::Columns& rows, const ScaledSeries& scaled, std::size_t from,
                         std::size_t to) {
    Values<std::int64_t> values = integers_;
    const std::int64_t* all = scaled.integers().data();
    if (good_ == 0) {
        values = {};
        values.start(all[from]);
        first_time_ = rows.times[from].ns;
    }
    for (std::size_t row = from; row < to; ++row) values.add(all[row]);
    values.last = all[to - 1];
    integers_ = values;
    last_time_ = rows.times[to - 1].ns;
    good_ += static_cast<std::int64_t>(to - from);
}

void Minutes::note_good(std::int64_t time) {
    if (good_++ == 0) first_time_ = time;
    last_time_ = time;
}

// What was scaled so far becomes doubles.
void Minutes::make_raw() {
    if (!scaled_) return;
    scaled_ = false;
    const auto value = [&](std::int64_t m) { return static_cast<double>(m) / divisor_; };
    doubles_ = {};
    if (good_ > 0)
        doubles_ = {value(integers_.min), value(integers_.max), value(integers_.sum),
                    value(integers_.first), value(integers_.last)};
}

void Minutes::add_raw(double value) {
    if (good_ == 1) doubles_.start(value);
    doubles_.add(value);
    doubles_.last = value;
}

void Minutes::close() {
    if (count_ == 0) return;
    if (good_ > 0 && scaled_ && std::abs(integers_.sum) > exact_double) make_raw();
    closed_.begin.push_back(begin_);
    closed_.count.push_back(count_);
    closed_.good.push_back(good_);
    using Form = MinuteColumns::Form;
    closed_.form.push_back(good_ == 0 ? Form::none : scaled_ ? Form::scaled : Form::raw);
    if (good_ > 0) {
        closed_.first_time.push_back(first_time_);
        closed_.last_time.push_back(last_time_);
        if (scaled_)
            integers_.append_to(closed_.scaled);
        else
            doubles_.append_to(closed_.raw);
    }
    count_ = good_ = 0;
    scaled_ = true;
}

void Minutes::end_series() { close(); }

}  // namespace mw::segments
