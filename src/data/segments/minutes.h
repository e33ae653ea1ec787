#pragma once
// One row for every minute of a series, made of points that come by in order of time.

#include <cstdint>
#include <vector>

#include "data/history/history.h"
#include "data/segments/scaled.h"

namespace mw::segments {

enum class MinuteValue : std::uint8_t { min, max, sum, first, last };
inline constexpr std::size_t minute_values = 5;

// Columns of minutes. Values are above the series' divisor if each good value of the minute is, and
// their sum is exact; then all five are, else all five are doubles.
struct MinuteColumns {
    enum class Form : std::uint8_t { none, scaled, raw };  // none: no good value
    std::vector<Form> form;
    std::vector<std::int64_t> begin, count, good;
    // A row where a minute has that form.
    std::vector<std::int64_t> scaled[minute_values];
    std::vector<double> raw[minute_values];
    // A row where a minute has a good value.
    std::vector<std::int64_t> first_time, last_time;

    bool empty() const { return begin.empty(); }
    void clear();
};

class Minutes {
 public:
    // Points of a series, all with one exponent; a minute may go on in the next call.
    void add(const history::Columns& rows, const ScaledSeries& scaled);
    // The last minute ends, and whatever comes next is another series.
    void end_series();
    const MinuteColumns& closed() const { return closed_; }
    void forget_closed() { closed_.clear(); }

 private:
    // Of good values, in either form.
    template <class T>
    struct Values {
        T min = 0, max = 0, sum = 0, first = 0, last = 0;
        void start(T value) { min = max = first = value; }
        void add(T value) {
            min = value < min ? value : min;
            max = max < value ? value : max;
            sum += value;
        }
        void append_to(std::vector<T> (&columns)[minute_values]) const;
    };
    void open(std::int64_t time);
    void close();
    void add_rows(const history::Columns& rows, const ScaledSeries& scaled, std::size_t from,
                  std::size_t to);
    void add_scaled(const history::Columns& rows, const ScaledSeries& scaled, std::size_t from,
                    std::size_t to);
    void add_raw(double value);
    void note_good(std::int64_t time);
    void make_raw();

    MinuteColumns closed_;
    // The open minute; count 0: none.
    std::int64_t begin_ = 0, end_ = 0;  // its first and last nanosecond
    std::int64_t count_ = 0, good_ = 0;
    std::int64_t first_time_ = 0, last_time_ = 0;
    bool scaled_ = true;
    Values<std::int64_t> integers_;  // while scaled_
    Values<double> doubles_;         // afterwards
    double divisor_ = 1;
};

}  // namespace mw::segments
