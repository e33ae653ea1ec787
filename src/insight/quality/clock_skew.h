#pragma once
// A device's clock against the hub's. What arrives soonest after its event time tells the
// difference: the least delay of eight messages (the minimum filter of NTP, RFC 5905, 10). A clock
// that drifts moves that least delay slowly; a queue that delays messages makes it jump. So a
// difference that was reached without a jump is the clock's.

#include <cstdint>

#include "base/clock.h"

namespace mw::quality {

class ClockSkew {
 public:
    // A message: when it came, and the newest of its event times.
    void add(Timestamp arrival, Timestamp newest, nanoseconds tolerance);
    // Behind the hub's clock by; negative: ahead. As of the last eight messages.
    nanoseconds behind() const { return nanoseconds{behind_}; }
    bool known() const { return state_ != State::unknown; }
    bool drifted() const { return state_ == State::drifted; }

 private:
    void end_window(nanoseconds tolerance);
    enum class State : std::uint8_t { unknown, within, drifted, jumped };

    Timestamp arrived_;
    std::int64_t behind_ = 0;
    std::int64_t least_ = 0;  // of the window so far
    std::uint8_t seen_ = 0;   // messages in it
    State state_ = State::unknown;
};

}  // namespace mw::quality
