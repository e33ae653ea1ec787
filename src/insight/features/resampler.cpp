#include "insight/features/resampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mw::features {
namespace {

std::int64_t first_slot_from(std::int64_t time, std::int64_t every) {
    const std::int64_t rest = time % every;
    return rest == 0 ? time : time - rest + (rest > 0 ? every : 0);
}

}  // namespace

Resampler::Resampler(std::size_t width, ResampleOptions options)
    : options_(options), before_(width), newest_(width), values_(width), quality_(width) {
    if (options_.reach.count() == 0) options_.reach = options_.every * 10;
}

void Resampler::add(const Row& row) {
    if (row.values.size() != newest_.size()) return;
    const std::int64_t time = row.time.ns, every = options_.every.count();
    if (newest_time_ && time <= *newest_time_) return;
    const bool pause = !newest_time_ || time - *newest_time_ > options_.reach.count();
    for (std::size_t i = 0; i < newest_.size(); ++i) {
        if (newest_[i].usable) before_[i] = newest_[i];
        const Quality quality = row.quality.empty() ? Quality::good() : row.quality[i];
        newest_[i] = {time, row.values[i], quality,
                      std::isfinite(row.values[i]) && !quality.is_bad()};
    }
    due_.reset();
    if (every == 0)
        due_ = time;
    else
        due_ = first_slot_from(pause ? time : *newest_time_ + 1, every);
    newest_time_ = time;
}

std::optional<Row> Resampler::next() {
    if (!due_ || *due_ > *newest_time_) return std::nullopt;
    const std::int64_t at = *due_;
    for (std::size_t i = 0; i < newest_.size(); ++i) fill(i, at);
    if (options_.every.count() == 0)
        due_.reset();
    else
        due_ = at + options_.every.count();
    return Row{{at}, values_, quality_};
}

void Resampler::fill(std::size_t input, std::int64_t at) {
    const Known &left = before_[input], &right = newest_[input];
    values_[input] = right.value;
    quality_[input] = right.quality;
    if (right.time == at && (right.usable || options_.every.count() == 0)) return;
    values_[input] = std::numeric_limits<double>::quiet_NaN();
    quality_[input] = Quality::bad(Reason::not_a_number);
    if (!left.usable || at - left.time > options_.reach.count()) return;
    const bool between = options_.fill == Fill::linear && right.usable &&
                         right.time - left.time <= options_.reach.count();
    if (!between) {
        values_[input] = left.value;
        quality_[input] = worst(left.quality, Quality::uncertain(Reason::stale));
        return;
    }
    const double share =
        static_cast<double>(at - left.time) / static_cast<double>(right.time - left.time);
    values_[input] = left.value + share * (right.value - left.value);
    quality_[input] = worst(left.quality, right.quality);
}

}  // namespace mw::features
