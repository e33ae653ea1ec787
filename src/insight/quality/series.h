#pragma once
// One series as the engine remembers it, and the judgement of one point. Inner header of quality.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "domain/point.h"
#include "insight/quality/noise.h"
#include "insight/quality/rules.h"
#include "insight/quality/scorecard.h"
#include "insight/quality/spike.h"

namespace mw::quality {

// What can be wrong with a point, the gravest first: the lowest bit that is set gives the code.
enum class Fault : unsigned {
    not_a_number,
    source_bad,
    unit,
    type,
    range,
    source_uncertain,  // from here on: doubt
    counter_reset,
    spike,
    rate_of_change,
    stuck,
    noise,
    clock,
    late,
    duplicate,
    undeclared,
    count
};
constexpr std::size_t fault_count = static_cast<std::size_t>(Fault::count);
constexpr unsigned bit(Fault fault) { return 1U << static_cast<unsigned>(fault); }
constexpr unsigned bad_faults = bit(Fault::source_uncertain) - 1;
// Good when there are none. What a source says beyond good and bad stays: historical, stale.
Quality code_of(unsigned faults, Quality source);

// Arrival minus event time in half octaves from 65 us to 39 hours.
class LatenessSketch {
 public:
    // The bucket that counted it.
    std::uint8_t add(std::int64_t ns, std::uint32_t count = 1) {
        const std::uint8_t bucket = bucket_of(ns);
        buckets_[bucket] += count;
        return bucket;
    }
    static bool alike(std::int64_t a, std::int64_t b) { return bucket_of(a) == bucket_of(b); }
    double quantile_ms(double q) const;
    void prefetch(std::uint8_t bucket) const { __builtin_prefetch(&buckets_[bucket], 1); }

 private:
    static std::uint8_t bucket_of(std::int64_t ns) {
        const auto scaled = static_cast<std::uint64_t>(ns < 0 ? 0 : ns) >> 15;
        if (scaled < 2) return 0;
        const auto octave = static_cast<unsigned>(std::bit_width(scaled)) - 2;  // from 0
        const auto half = static_cast<unsigned>(scaled >> octave) & 1;
        return static_cast<std::uint8_t>(std::min(2 * octave + half + 1, 63U));
    }
    std::array<std::uint32_t, 64> buckets_{};
};

// What one message says about all its points.
struct Moment {
    Timestamp arrival;
    bool judge_time = true;  // false: replayed or restored
    nanoseconds ahead_tolerance{0};
    unsigned faults = 0;  // of all its points: the device's clock
};

// A gap, or points with the same reason.
struct Episode {
    Reason reason = Reason::none;
    Timestamp from;
    Timestamp to;
    std::uint64_t points = 0;
};

// Rows that are judged together. One with a fault sends them all the long way, so not too many.
constexpr std::size_t plain_rows_max = 64;

struct alignas(64) Series {
    // What every point touches comes first, in two cache lines. Times are event times.
    const SignalRules* rules = nullptr;  // in the device's rule set
    std::uint64_t rules_epoch = 0;
    std::uint32_t good_since = 0;  // points, in an open episode
    bool declared = true;
    bool has_states = false;  // its values are looked at one by one
    bool wants_numbers = false;
    bool judges_change = false;  // anything that looks at the point before is declared
    bool started = false;
    bool has_value = false;
    std::uint8_t usual_lateness = 0;  // the sketch's bucket that counted last
    Timestamp last;
    double last_value = 0;
    Timestamp value_time;                    // of last_value
    std::array<std::uint64_t, 4> classes{};  // counted by the code's two upper bits
    Timestamp first;

    LatenessSketch lateness;

    // Change.
    double max_rate_per_ns = 0;
    Timestamp same_since;
    double trusted_value = 0;  // the last point whose rate was fine
    Timestamp trusted_time;
    SpikeTracker spike;
    NoiseTracker noise;

    // Counted.
    std::array<std::uint64_t, fault_count> faults{};
    std::uint64_t duplicates = 0;
    std::uint64_t out_of_order = 0;
    std::uint64_t missing = 0;
    std::uint64_t gaps = 0;

    Episode episode;  // the newest; open while points with its reason keep coming
    std::string signal;

    void prefetch() const {
        __builtin_prefetch(this, 1);
        __builtin_prefetch(reinterpret_cast<const char*>(this) + 64, 1);
        lateness.prefetch(usual_lateness);
    }
    void use(const SignalRules& now, bool is_declared, std::uint64_t epoch);
    // Faults of the message's points that do not depend on the point: unit, undeclared.
    unsigned common_faults(const Run& run) const;
    // All faults of one point; moves the state on.
    unsigned judge(Timestamp time, double value, Quality source, unsigned common,
                   const Moment& moment, Episode& gap);
    unsigned judge_text(Timestamp time, std::string_view text, Quality source, unsigned common,
                        const Moment& moment, Episode& gap);
    // The same for rows that turn out to be without any fault, all at once; false: nothing was
    // done, judge them one by one. Not more than plain_rows_max.
    bool judge_plain(std::span<const Timestamp> times, std::span<const double> values,
                     std::span<const Quality> source, unsigned common, const Moment& moment);
    Counters counters() const;
    double completeness() const;

 private:
    bool in_step(std::span<const Timestamp> times) const;
    bool in_range(std::span<const double> values) const;
    bool note_timely(std::span<const Timestamp> times, const Moment& moment);
    unsigned judge_timeliness(Timestamp time, const Moment& moment);
    unsigned judge_order(Timestamp time, double value, Episode& gap);
    unsigned judge_change(Timestamp time, double value);
    unsigned faults_of_state(double value) const;
    void count(unsigned found, Quality source);
    unsigned faults_of_text(std::string_view text) const;
    bool restarts(double value, nanoseconds step) const;
    void note_gap(Timestamp time, std::int64_t step, Episode& gap);
};

// What stands for a text where values are compared: a NaN, another one for nearly every text.
double mark_of(std::string_view text);

// Without overflow, for times that are anywhere.
inline std::int64_t minus(Timestamp a, Timestamp b) {
    std::int64_t difference = 0;
    if (!__builtin_sub_overflow(a.ns, b.ns, &difference)) return difference;
    return a.ns < b.ns ? std::numeric_limits<std::int64_t>::min()
                       : std::numeric_limits<std::int64_t>::max();
}

}  // namespace mw::quality
