#pragma once
// What features to make of which signals: plain data, checked by `check(plan)`.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "domain/quality.h"

namespace mw::features {

// Times further from 1970 than this (146 years) are refused, so that no difference overflows.
constexpr std::int64_t time_limit_ns = std::int64_t{1} << 62;

constexpr std::size_t max_inputs = 4096;
constexpr std::size_t max_features = 8192;
constexpr std::uint32_t max_window_rows = 65'536;
constexpr std::size_t max_window_cells = 8'000'000;  // rows x inputs: 72 MB of rings

// One moment: a value per input, in the plan's order. NaN is a missing value. An empty quality
// column means that all are good. A view: valid during the call only.
struct Row {
    Timestamp time;
    std::span<const double> values;
    std::span<const Quality> quality;
};

// Defined, with their formulas, in docs/formats/pipeline.md.
enum class Statistic : std::uint8_t {
    last,
    mean,
    min,
    max,
    range,      // peak to peak
    deviation,  // of the sample, n - 1
    rms,
    crest,     // largest magnitude over RMS
    skewness,  // of the population
    kurtosis,  // of the population; 3 for a normal distribution
    slope,     // least squares, per second
    median,
    quantile,           // detail.share; linear between order statistics
    zero_crossings,     // of the mean, per second
    band,               // RMS of what oscillates with [low, high) Hz
    spectral_kurtosis,  // the largest over the frequencies of [low, high)
    envelope,           // RMS in the modulation band of the envelope of [low, high)
    lag,                // the value detail.lag rows before the last
    ewma,               // exponentially weighted mean; detail.weight is the last value's
    rate,               // of a counter, per second; a fall is a restart from 0
    autocorrelation,    // at detail.lag
    correlation,        // with another input, that one detail.lag rows earlier
    difference,         // mean of this minus the other input
    product,            // mean of this times the other input
    ratio,              // mean of this over mean of the other input
    hour_of_week,       // of the window's end: 0 is Monday, 00:00 to 00:59
};

std::string_view to_string(Statistic statistic);
Result<Statistic> parse_statistic(std::string_view text);
bool needs_other(Statistic statistic);  // a second input
bool needs_lag(Statistic statistic);    // detail.lag, at least 1 (correlation: 0 too)
bool needs_band(Statistic statistic);   // detail.low and detail.high

// A length in rows or in time: exactly one is set.
struct Extent {
    std::uint32_t rows = 0;
    nanoseconds time{0};
    bool by_rows() const { return rows > 0; }
    bool empty() const { return rows == 0 && time.count() == 0; }
};

// sliding, by rows:  the last `length` rows, at every `every`-th row once that many were seen.
// sliding, by time:  rows in (t - length, t], at the first row of each slot [k x every, (k+1) x
// every). tumbling, by rows: `length` rows, then the next `length` rows. tumbling, by time: rows in
// [k x length, (k+1) x length), known when the first later row arrives.
// session: all rows since a pause of more than max_gap; known when the first row after the pause
// arrives. event: the `length` rows that end `after` rows after one at which the trigger's value
// rose to `above`, the row before having been below it.
enum class WindowKind { sliding, tumbling, session, event };

struct Trigger {
    std::uint32_t input = 0;
    double above = 0;
    std::uint32_t after = 0;  // rows; the window has at least two more
};

struct Window {
    WindowKind kind = WindowKind::sliding;
    Extent length{60, {}};
    Extent every{1, {}};         // sliding only; the same measure as length
    std::uint32_t min_rows = 0;  // usable values that each feature needs; 0: half of them, or 1
    std::uint32_t max_rows =
        4096;                // windows by time: memory; a window with more rows is incomplete
    nanoseconds max_gap{0};  // a longer pause between rows starts afresh; 0: never, or, with
                             // a window by time, its length
    Trigger trigger = {};    // event only
};

// What some statistics need beside their input.
struct Detail {
    std::uint32_t other = 0;                         // the second input
    std::uint32_t lag = 0;                           // rows
    double share = 0.5;                              // quantile
    double weight = 0.2;                             // ewma
    double low = 0, high = 0;                        // Hz
    double modulation_low = 0, modulation_high = 0;  // Hz, of the envelope
    std::int32_t utc_offset_minutes = 0;             // hour_of_week
};

struct Feature {
    std::string name;
    std::uint32_t input = 0;
    Statistic statistic = Statistic::mean;
    Extent over;        // only the end of the window; empty: all of it
    double center = 0;  // scaled = (value - center) / scale
    double scale = 1;
    Detail detail = {};
};

// What to do with a value that is missing, not a number, or of bad quality.
enum class OnBad {
    skip,  // the window has one value less of that input
    hold,  // the last usable value stands in, for at most hold_rows rows
};

struct Plan {
    std::vector<std::string> inputs;
    Window window;
    std::vector<Feature> features;
    OnBad on_bad = OnBad::skip;
    std::uint32_t hold_rows = 0;
};

// An error names the part: "features[2].over: longer than the window".
Result<void> check(const Plan& plan);

// How much of the past rebuilds the state exactly: the last `rows` rows, and all rows that are not
// older than `span` before the last one. Whichever reaches further back.
struct Memory {
    std::size_t rows = 0;
    nanoseconds span{0};
};

}  // namespace mw::features
