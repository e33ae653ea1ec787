#pragma once
// The last points of the signals that somebody may want to look at. Belongs to the agent's loop.
// Limits: the signals that were asked for, 2,000 points of each (32 kB).

#include <string>
#include <unordered_map>
#include <vector>

#include "device/edge_labels/snippet.h"
#include "domain/point.h"

namespace mw::edge_labels {

class Recent {
 public:
    static constexpr std::size_t points_max = 2'000;
    static constexpr std::size_t signals_max = 64;

    // From now on these and no others; what is known of those that stay, stays.
    void want(const std::vector<std::string>& signals);
    void add(const Batch& batch);
    // Event time of the newest point of all.
    Timestamp newest() const { return newest_; }
    // The points of a signal in [from, to], in order of time.
    Trace cut(const std::string& signal, Timestamp from, Timestamp to) const;

 private:
    // A ring: `next` is where the next point goes.
    struct Line {
        std::vector<Timestamp> times;
        std::vector<double> values;
        std::size_t next = 0;
    };
    void put(Line& line, Timestamp time, double value);

    std::unordered_map<std::string, Line> lines_;
    Timestamp newest_{std::numeric_limits<std::int64_t>::min()};
};

}  // namespace mw::edge_labels
