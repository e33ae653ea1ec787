#pragma once
// From a selector to SQL and from rows to labelled buckets; then the values at each step. Pure.
// Inner header of prometheus.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/prometheus/promql.h"

namespace mw::prometheus {

using Labels = std::map<std::string, std::string>;

// The steps of a query and the windows behind them: (t - window, t] at each t.
struct Steps {
    Timestamp start;
    std::int64_t count = 1;
    nanoseconds step{1};
    nanoseconds window{0};
    // All times are whole multiples of it: points within one are never parted by a window.
    nanoseconds bucket() const;
    Timestamp from() const { return start - window; }
    Timestamp end() const { return {start.ns + (count - 1) * step.count()}; }
};

std::string series_sql(const std::vector<Selector>& any_of, std::size_t limit);
// `devices`, `signals`: what the selector can reach, as far as it is known to be few; else empty.
std::string points_sql(const Expression& expression, const Steps& steps,
                       const std::vector<std::string>& devices,
                       const std::vector<std::string>& signals);

// "cpu.usage,cpu=cpu0" of gw-1: __name__, cpu, device. Tags named as one of ours are exported_X.
Labels labels_of(const std::string& device, const std::string& signal, const std::string& unit,
                 const std::string& asset, const std::string& site);

struct Bucket {
    std::int64_t at = 0;  // points in (from + (at-1) * bucket, from + at * bucket]
    double count = 0, sum = 0, min = 0, max = 0, last = 0;
    std::int64_t last_ns = 0;
    double first = 0, rise = 0;  // of counters: rise within the bucket, falls taken as resets
    std::int64_t first_ns = 0;
};
struct Track {
    Labels labels;
    std::vector<Bucket> buckets;  // ascending
};
struct Value {
    std::int64_t step = 0;
    double value = 0;
};
struct Curve {
    Labels labels;
    std::vector<Value> values;
};

Result<std::vector<Track>> tracks_from(const Json& reply, bool counters);
std::vector<Curve> evaluate(const Expression& expression, const Steps& steps,
                            std::vector<Track> tracks);

}  // namespace mw::prometheus
