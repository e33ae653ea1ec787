#include "insight/features/aligner.h"

#include <cmath>
#include <limits>

namespace mw::features {

Aligner::Aligner(std::vector<std::string> signals, AlignOptions options) : options_(options) {
    for (auto& signal : signals) inputs_[std::move(signal)].push_back(width_++);
    if (options_.max_pending == 0) options_.max_pending = 1;
}

void Aligner::add(const Batch& batch) {
    for (const Run& run : batch.runs) {
        const auto found = inputs_.find(run.signal);
        if (found == inputs_.end()) continue;
        for (const std::size_t input : found->second)
            for (std::uint32_t i = run.begin; i < run.end; ++i)
                add(input, batch.times[i], batch.values[i], batch.quality[i]);
    }
}

void Aligner::add(std::string_view signal, Timestamp time, double value, Quality quality) {
    const auto found = inputs_.find(signal);
    if (found == inputs_.end()) return;
    for (const std::size_t input : found->second) add(input, time, value, quality);
}

void Aligner::add(std::size_t input, Timestamp time, double value, Quality quality) {
    if ((consumed_ && time <= *consumed_) || time.ns > time_limit_ns || time.ns < -time_limit_ns) {
        ++late_;
        return;
    }
    flushing_ = false;
    if (!newest_ || time > *newest_) newest_ = time;
    Pending& row = row_at(input, time)->second;
    if (!row.known[input]) ++row.count;
    row.known[input] = true;
    row.values[input] = value;
    row.quality[input] = quality;
}

// The earliest waiting row within the tolerance that has no such value yet, else a new row.
Aligner::Rows::iterator Aligner::row_at(std::size_t input, Timestamp time) {
    if (const auto same = rows_.find(time.ns); same != rows_.end()) return same;
    const std::int64_t tolerance = options_.tolerance.count();
    if (tolerance > 0) {
        auto near = rows_.lower_bound(time.ns - tolerance);
        for (; near != rows_.end() && near->first <= time.ns + tolerance; ++near)
            if (!near->second.known[input]) return near;
    }
    Pending row;
    if (!spare_.empty()) {
        row = std::move(spare_.back());
        spare_.pop_back();
    }
    row.values.assign(width_, std::numeric_limits<double>::quiet_NaN());
    row.quality.assign(width_, Quality::good());
    row.known.assign(width_, false);
    row.count = 0;
    return rows_.emplace(time.ns, std::move(row)).first;
}

bool Aligner::ready(Timestamp time, const Pending& row) const {
    return row.count == width_ || flushing_ || rows_.size() > options_.max_pending ||
           *newest_ - time > options_.wait;
}

std::optional<Row> Aligner::next() {
    if (rows_.empty()) {
        flushing_ = false;
        return std::nullopt;
    }
    const auto oldest = rows_.begin();
    const Timestamp time{oldest->first};
    if (!ready(time, oldest->second)) return std::nullopt;
    if (spare_.size() < 16) spare_.push_back(std::move(current_));
    current_ = std::move(oldest->second);
    rows_.erase(oldest);
    consumed_ = time;
    return Row{time, current_.values, current_.quality};
}

void Aligner::flush() { flushing_ = true; }

}  // namespace mw::features
