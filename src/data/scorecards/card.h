#pragma once
// How good a data product was, by UTC day and signal, against what its contract promises. Pure.

#include <optional>
#include <string>
#include <vector>

#include "domain/resource.h"

namespace mw::scorecards {

struct SignalDay {
    std::string signal;
    std::uint64_t points = 0, good = 0, bad = 0, late = 0, devices = 0;
    std::optional<std::uint64_t> expected;  // none: nothing says how often it comes
};
struct Breach {
    std::string term;    // completeness, latency, good_ratio
    std::string signal;  // empty: of the whole product
    double promised = 0, measured = 0;
    std::string says;
};
struct DayCard {
    Timestamp day;                       // its first instant
    bool whole = true;                   // false: the day is not over
    std::vector<SignalDay> signals;      // by name
    std::optional<double> completeness;  // share of the expected points that came
    std::optional<double> good, late;    // shares of the points; none: there are no points
    std::vector<Breach> breaches;        // of a whole day
    std::uint64_t points() const;
};

constexpr nanoseconds one_day = hours{24};
Timestamp day_of(Timestamp time);

// Counts by day and signal: the query whose JSON answer cards_of() takes.
std::string card_sql(const std::string& product, Timestamp from, Timestamp to);

struct CardOrder {
    Timestamp first_day;
    int days = 1;
    std::size_t devices = 0;  // that the product chooses; 0: those that sent something
    Timestamp now;
};
// Newest day first. A day before the product existed is left out, unless it has points; it breaks
// no promise.
Result<std::vector<DayCard>> cards_of(const Resource& product, const Json& answer,
                                      const CardOrder& order);
Json to_json(const DayCard& card);
// The breaches in a sentence.
std::string told_breaches(const DayCard& card);

}  // namespace mw::scorecards
