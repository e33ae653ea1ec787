#pragma once
// Resampler: rows of whatever times into rows at k x every since 1970. One thread. A row of the
// grid leaves when the first row at or after it has come, so it looks ahead by one row and no
// further.

#include <optional>

#include "insight/features/plan.h"

namespace mw::features {

enum class Fill { linear, hold };

struct ResampleOptions {
    nanoseconds every{0};  // zero: rows pass as they are
    Fill fill = Fill::linear;
    // Values are used no further away than this, and a longer pause between rows has no rows. Zero:
    // ten times `every`.
    nanoseconds reach{0};
};

class Resampler {
 public:
    Resampler(std::size_t width, ResampleOptions options);

    void add(const Row& row);
    // The next row of the grid; the view holds until the next call of any member. Between two
    // values that are near enough: on the straight line, as good as the worse of them. Held:
    // uncertain, `stale`. Nothing near enough: not a number.
    std::optional<Row> next();
    nanoseconds reach() const { return options_.reach; }

 private:
    struct Known {
        std::int64_t time = 0;
        double value = 0;
        Quality quality;
        bool usable = false;
    };
    void fill(std::size_t input, std::int64_t at);

    ResampleOptions options_;
    std::vector<Known> before_;  // per input the last usable value before the newest row
    std::vector<Known> newest_;
    std::optional<std::int64_t> newest_time_;
    std::optional<std::int64_t> due_;  // the next time of the grid up to the newest row
    std::vector<double> values_;
    std::vector<Quality> quality_;
};

}  // namespace mw::features
