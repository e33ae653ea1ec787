#pragma once
// Time is a parameter. Timestamp is wall time; steady time is for deadlines and never jumps.
// RealClock may be used from any thread; SimulatedClock belongs to the thread of its test.

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mw {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Nanoseconds since 1970-01-01 UTC, without leap seconds.
struct Timestamp {
    std::int64_t ns = 0;
    auto operator<=>(const Timestamp&) const = default;
    Timestamp operator+(nanoseconds d) const { return {ns + d.count()}; }
    Timestamp operator-(nanoseconds d) const { return {ns - d.count()}; }
    nanoseconds operator-(Timestamp other) const { return nanoseconds{ns - other.ns}; }
};

// "2026-11-22T12:00:00.123456789Z"; trailing zeros of the fraction are cut.
std::string to_iso8601(Timestamp time);
// Accepts a date, 'T' or space, time, optional fraction, optional 'Z' or +hh:mm (none means UTC).
Result<Timestamp> parse_iso8601(std::string_view text);
// "1h30m", "250ms", "90s", "7d": a duration as people write it in YAML and on the command line.
Result<nanoseconds> parse_duration(std::string_view text);
std::string to_text(nanoseconds duration);

struct SteadyTime {
    std::int64_t ns = 0;
    auto operator<=>(const SteadyTime&) const = default;
    SteadyTime operator+(nanoseconds d) const { return {ns + d.count()}; }
    nanoseconds operator-(SteadyTime other) const { return nanoseconds{ns - other.ns}; }
};

class Clock {
 public:
    virtual ~Clock() = default;
    virtual Timestamp now() const = 0;
    virtual SteadyTime steady() const = 0;
};

class RealClock final : public Clock {
 public:
    Timestamp now() const override;
    SteadyTime steady() const override;
};

class SimulatedClock final : public Clock {
 public:
    explicit SimulatedClock(Timestamp start = {1'700'000'000'000'000'000}) : now_(start) {}
    Timestamp now() const override { return now_; }
    SteadyTime steady() const override { return steady_; }
    void advance(nanoseconds d) { now_ = now_ + d, steady_ = steady_ + d; }
    void set_wall(Timestamp t) { now_ = t; }  // a clock jump: steady time does not move

 private:
    Timestamp now_;
    SteadyTime steady_{1};
};

}  // namespace mw
