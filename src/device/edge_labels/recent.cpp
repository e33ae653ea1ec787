#include "device/edge_labels/recent.h"

#include <algorithm>
#include <numeric>

namespace mw::edge_labels {

void Recent::want(const std::vector<std::string>& signals) {
    std::unordered_map<std::string, Line> lines;
    for (const std::string& signal : signals) {
        if (lines.size() >= signals_max) break;
        lines[signal] = std::move(lines_[signal]);
    }
    lines_ = std::move(lines);
}

void Recent::add(const Batch& batch) {
    for (const Run& run : batch.runs) {
        const auto line = lines_.find(run.signal);
        if (line == lines_.end()) continue;
        for (std::uint32_t i = run.begin; i < run.end; ++i) {
            put(line->second, batch.times[i], batch.values[i]);
            newest_ = std::max(newest_, batch.times[i]);
        }
    }
}

void Recent::put(Line& line, Timestamp time, double value) {
    if (line.times.size() < points_max) {
        line.times.push_back(time);
        line.values.push_back(value);
        return;
    }
    line.times[line.next] = time;
    line.values[line.next] = value;
    line.next = (line.next + 1) % points_max;
}

Trace Recent::cut(const std::string& signal, Timestamp from, Timestamp to) const {
    Trace trace;
    trace.signal = signal;
    const auto found = lines_.find(signal);
    if (found == lines_.end()) return trace;
    const Line& line = found->second;
    std::vector<std::size_t> inside;
    for (std::size_t i = 0; i < line.times.size(); ++i) {
        const std::size_t at = (line.next + i) % line.times.size();
        if (line.times[at] >= from && line.times[at] <= to) inside.push_back(at);
    }
    // Points come in order; where a source went back in time, they are put into order.
    std::stable_sort(inside.begin(), inside.end(),
                     [&](std::size_t a, std::size_t b) { return line.times[a] < line.times[b]; });
    for (const std::size_t at : inside) {
        trace.times.push_back(line.times[at]);
        trace.values.push_back(line.values[at]);
    }
    return trace;
}

}  // namespace mw::edge_labels
