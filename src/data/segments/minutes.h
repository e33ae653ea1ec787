#pragma once
// One row for every minute of a series, made of points that come by in order of time.

#include <cstdint>
#include <vector>

#include "data/history/history.h"
#include "data/segments/scaled.h"

namespace mw::segments {

// Columns of equal length; min to last_time have a row where `good` is not 0.
struct MinuteColumns {
    std::vector<std::int64_t> begin, count, good;
    std::vector<double> min, max, sum, first, last;
    std::vector<std::int64_t> first_time, last_time;
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
    struct Minute {
        std::int64_t begin = 0;
        std::int64_t count = 0;
        std::int64_t good = 0;
        double min = 0, max = 0, first = 0, last = 0;
        std::int64_t first_time = 0, last_time = 0;
        double sum = 0;
        // The sum above the divisor, as long as every value has an integer: it does not round.
        std::int64_t integers = 0;
        bool exact = true;
        void add_good(std::int64_t time, double value);
    };
    std::size_t add_minute(const history::Columns& rows, const ScaledSeries& scaled,
                           std::size_t from);
    void close();

    MinuteColumns closed_;
    Minute open_;            // count 0: none
    std::int64_t last_ = 0;  // the last nanosecond of the open one
    double divisor_ = 1;
};

}  // namespace mw::segments
