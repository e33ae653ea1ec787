#include "insight/quality/clock_skew.h"

#include <algorithm>

#include "insight/quality/series.h"

namespace mw::quality {
namespace {

constexpr std::uint8_t messages_in_window = 8;

}  // namespace

// A window ends when the next message comes: how one message is cut into batches changes nothing.
void ClockSkew::add(Timestamp arrival, Timestamp newest, nanoseconds tolerance) {
    const bool another = arrival != arrived_;
    arrived_ = arrival;
    if (another && seen_ == messages_in_window) end_window(tolerance);
    const std::int64_t delay = minus(arrival, newest);
    least_ = seen_ == 0 ? delay : std::min(least_, delay);
    if (another) ++seen_;
}

void ClockSkew::end_window(nanoseconds tolerance) {
    seen_ = 0;
    const std::int64_t moved = minus(Timestamp{least_}, Timestamp{behind_});
    const bool within = least_ <= tolerance.count() && least_ >= -tolerance.count();
    const bool slowly = moved <= tolerance.count() / 2 && moved >= -tolerance.count() / 2;
    if (within)
        state_ = State::within;
    else if (state_ == State::unknown || !slowly)
        state_ = State::jumped;
    else if (state_ == State::within)
        state_ = State::drifted;
    behind_ = least_;
}

}  // namespace mw::quality
