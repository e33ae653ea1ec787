#pragma once
// What the engine counted, per series: the rows of the SQL table `scorecard`. Owned values.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "domain/quality.h"

namespace mw::quality {

// Of the codes of a batch; quick where all are good.
struct Doubts {
    std::uint64_t uncertain = 0;
    std::uint64_t bad = 0;
};
Doubts count_doubts(std::span<const Quality> codes);

// Every check that fails counts, also where another one gave the point its code.
struct Counters {
    std::uint64_t points = 0;
    std::uint64_t good = 0;
    std::uint64_t uncertain = 0;
    std::uint64_t bad = 0;
    std::uint64_t out_of_range = 0;
    std::uint64_t rate_of_change = 0;
    std::uint64_t stuck = 0;
    std::uint64_t noise = 0;
    std::uint64_t counter_resets = 0;
    std::uint64_t spike = 0;
    std::uint64_t not_a_number = 0;
    std::uint64_t source_bad = 0;
    std::uint64_t source_uncertain = 0;
    std::uint64_t unit = 0;
    std::uint64_t undeclared = 0;
    std::uint64_t late = 0;
    std::uint64_t clock = 0;  // ahead, or drifted
    std::uint64_t duplicates = 0;
    std::uint64_t out_of_order = 0;
    std::uint64_t missing = 0;  // expected and not seen
    std::uint64_t gaps = 0;

    bool operator==(const Counters&) const = default;
};

struct ScorecardRow {
    std::string device;
    std::string signal;
    Counters counters;
    double completeness = 1;     // seen / (seen + missing)
    double lateness_p50_ms = 0;  // arrival minus event time, within a factor of 1.2
    double lateness_p99_ms = 0;
    double clock_behind_ms = 0;  // of the device, against the hub's; negative: ahead
    Timestamp first;
    Timestamp last;
};
using Scorecard = std::vector<ScorecardRow>;

// An episode of one kind on one series: a gap, or consecutive points with the same reason.
struct Finding {
    std::string device;
    std::string signal;
    Reason reason = Reason::none;  // none: a gap
    Timestamp from;                // event times; a gap's are those of the points around it
    Timestamp to;
    std::uint64_t points = 0;  // of a gap: how many are missing
};

}  // namespace mw::quality
