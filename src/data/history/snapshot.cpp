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

bool wants(const Bounds& bounds, Table table) {
    switch (table) {
        case Table::points:
            return bounds.points;
        case Table::decisions:
            return bounds.decisions;
        case Table::rollups:
            return bounds.rollups;
    }
    return false;
}

std::vector<SegmentFile>& list_of(HistorySnapshot& snapshot, Table table) {
    return table == Table::points      ? snapshot.points
           : table == Table::decisions ? snapshot.decisions
                                       : snapshot.rollups;
}

}  // namespace

HistorySnapshot History::State::snapshot(const Bounds& bounds) const {
    HistorySnapshot result;
    for (const auto& file : files_) {
        if (!wants(bounds, file.table) || !touches(file, bounds)) continue;
        result.overlaps |= file.table == Table::points && file.overlaps;
        list_of(result, file.table).push_back(file);
    }
    if (bounds.latest) {
        result.latest = latest(bounds);
        for (const auto& one : *result.latest)
            if (one.last.boxed)
                result.latest_boxed[one.series.index] = newest_boxed_.at(one.series.index);
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

std::shared_ptr<const std::vector<HistorySnapshot::Latest>> History::State::latest(
    const Bounds& bounds) const {
    auto found = std::make_shared<std::vector<HistorySnapshot::Latest>>();
    auto take = [&](SeriesRef series) {
        if (auto value = last(series); value) found->push_back({series, *value});
    };
    if (auto chosen = series_.select(bounds)) {
        std::for_each(chosen->begin(), chosen->end(), take);
    } else {
        found->reserve(series_.size());
        for (std::uint32_t i = 0; i < series_.size(); ++i) take({i});
    }
    return found;
}

std::optional<LastValue> History::State::last(SeriesRef series) const {
    if (series.index >= newest_.size()) return std::nullopt;
    const auto& newest = newest_[series.index];
    if (!newest.known || newest.last.erased()) return std::nullopt;
    return newest.last;
}

HistoryFigures History::State::figures() const {
    HistoryFigures figures;
    figures.head_points = active_->points() + (sealing_ ? sealing_->points() : 0);
    figures.head_bytes = head_bytes();
    figures.waiting_bytes = log_->figures().waiting_bytes;
    figures.series = series_.size();
    figures.streams = streams_.size();
    figures.files = files_.size();
    figures.doomed_files = doomed_.size();
    figures.sealed_points = sealed_points_;
    for (const auto& file : files_) {
        auto& table = figures.tables[static_cast<std::size_t>(file.table)];
        ++table.files;
        table.compacted += file.compacted;
        table.rows += file.rows;
        table.bytes += file.bytes;
        table.first = std::min(table.first, file.time_min);
        table.last = std::max(table.last, file.time_max);
    }
    return figures;
}

}  // namespace mw::history
