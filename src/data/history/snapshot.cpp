#include <algorithm>

#include "data/history/state.h"

namespace mw::history {
namespace {

bool touches(const SegmentFile& file, const Bounds& bounds) {
    if (file.time_max < bounds.from || file.time_min > bounds.to) return false;
    return bounds.devices.empty() ||
           std::any_of(bounds.devices.begin(), bounds.devices.end(), [&](const auto& device) {
               return device >= file.device_first && device <= file.device_last;
           });
}

}  // namespace

HistorySnapshot History::State::snapshot(const Bounds& bounds) const {
    HistorySnapshot result;
    for (const auto& file : files_) {
        bool points = file.table == Table::points;
        if (!(points ? bounds.points : bounds.decisions) || !touches(file, bounds)) continue;
        result.overlaps |= points && file.overlaps;
        (points ? result.points : result.decisions).push_back(file);
    }
    for (const auto& generation : {sealing_, active_}) {
        if (!generation || generation->empty()) continue;
        result.heads.push_back(generation->snapshot(bounds, series_));
        result.overlaps |= result.heads.back()->overlaps();
    }
    result.series = series_.directory();
    result.context = context_;
    return result;
}

std::optional<LastValue> History::State::last(SeriesRef series) const {
    if (series.index >= newest_.size() || !newest_[series.index].known) return std::nullopt;
    return newest_[series.index].last;
}

HistoryFigures History::State::figures() const {
    HistoryFigures figures;
    figures.head_points = active_->points() + (sealing_ ? sealing_->points() : 0);
    figures.head_bytes = head_bytes();
    figures.waiting_bytes = log_->figures().waiting_bytes;
    figures.series = series_.size();
    figures.streams = streams_.size();
    figures.files = files_.size();
    figures.sealed_points = sealed_points_;
    return figures;
}

}  // namespace mw::history
