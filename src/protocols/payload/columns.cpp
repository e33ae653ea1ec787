#include "protocols/payload/columns.h"

#include <algorithm>
#include <cmath>

namespace mw::payload {
namespace {
constexpr std::size_t spare_max = 4096;  // strings worth keeping
}

void Columns::begin(Batch& batch) {
    batch_ = &batch;
    abandon();
}

void Columns::abandon() {
    for (auto& run : batch_->runs)
        if (spare_runs_.size() < spare_max) spare_runs_.push_back(std::move(run));
    batch_->runs.clear();
    batch_->times.clear();
    batch_->values.clear();
    batch_->quality.clear();
    if (!batch_->boxes.empty()) batch_->boxes.clear();
    slots_.clear();
    segments_.clear();
    if (!is_odd_) return;
    booleans_.clear();
    is_odd_ = false;
}

void Columns::add_bad(double value) {
    pad_quality();
    batch_->values.push_back(value);
    batch_->quality.push_back(Quality::bad(Reason::not_a_number));
    is_odd_ = true;
}

void Columns::add_boolean(bool value) {
    is_odd_ = true;
    booleans_.push_back(static_cast<std::uint32_t>(size()));
    add(value ? 1 : 0);
}

void Columns::add_text(std::string_view text) {
    is_odd_ = true;
    add(batch_->boxes.add(text));
}

double Columns::box(std::int64_t integer) {
    is_odd_ = true;
    return batch_->boxes.add(integer);
}

void Columns::weaken(std::size_t begin, std::size_t end, Quality source) {
    if (source.is_good()) return;
    for (std::size_t i = begin; i < end; ++i)
        batch_->quality[i] = worst(batch_->quality[i], source);
}

void Columns::set_times(std::size_t begin, std::size_t end, Timestamp start, std::int64_t step) {
    if (batch_->times.size() < end) batch_->times.resize(end);
    Timestamp* times = batch_->times.data();
    std::int64_t at = start.ns;
    for (std::size_t i = begin; i < end; ++i, at += step) times[i].ns = at;
}

bool Columns::claim(std::string_view signal, std::string_view unit, std::size_t begin,
                    std::size_t end) {
    if (begin == end) return true;
    const std::uint32_t slot = slots_.insert({signal, unit});
    if (slot == NameTable::none) return false;
    segments_.push_back({slot, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end),
                         is_odd_ ? type_of(begin, end) : ValueType::number});
    return true;
}

// Of a message with other values than numbers.
ValueType Columns::type_of(std::size_t begin, std::size_t end) const {
    auto type = ValueType::none;
    auto boolean = std::lower_bound(booleans_.begin(), booleans_.end(), begin);
    for (std::size_t i = begin; i < end; ++i) {
        const double value = batch_->values[i];
        if (boolean != booleans_.end() && *boolean == i) {
            type = widest(type, ValueType::boolean);
            ++boolean;
        } else if (is_box(value)) {
            type = widest(type, is_text_box(value) ? ValueType::text : ValueType::integer);
        } else if (std::isfinite(value)) {
            type = widest(type, ValueType::number);
        }
    }
    return type;
}

void Columns::finish() {
    const bool each_once = segments_.size() == slots_.size();
    if (!each_once) return regroup();
    for (const auto& segment : segments_)
        add_run(segment.slot, segment.begin, segment.end, segment.type);
}

void Columns::add_run(std::uint32_t slot, std::uint32_t begin, std::uint32_t end, ValueType type) {
    Run run;
    if (!spare_runs_.empty()) {
        run = std::move(spare_runs_.back());
        spare_runs_.pop_back();
    }
    run.signal.assign(slots_[slot].name);
    run.unit.assign(slots_[slot].unit);
    run.begin = begin;
    run.end = end;
    run.type = type;
    run.boxed =
        is_odd_ && !batch_->boxes.empty() && type != ValueType::boolean && type != ValueType::none;
    batch_->runs.push_back(std::move(run));
}

// A signal came in several objects of an array: its segments are put side by side, in order.
void Columns::regroup() {
    ends_.assign(slots_.size() + 1, 0);
    types_.assign(slots_.size(), ValueType::none);
    for (const auto& segment : segments_) {
        ends_[segment.slot + 1] += segment.end - segment.begin;
        types_[segment.slot] = widest(types_[segment.slot], segment.type);
    }
    for (std::size_t slot = 1; slot < ends_.size(); ++slot) ends_[slot] += ends_[slot - 1];
    for (std::uint32_t slot = 0; slot + 1 < ends_.size(); ++slot)
        if (ends_[slot] != ends_[slot + 1])
            add_run(slot, ends_[slot], ends_[slot + 1], types_[slot]);

    times_.resize(size());
    values_.resize(size());
    quality_.resize(size());
    for (const auto& segment : segments_) {
        const auto at = ends_[segment.slot];
        const auto move = [&](auto& from, auto& to) {
            std::copy(from.begin() + segment.begin, from.begin() + segment.end, to.begin() + at);
        };
        move(batch_->times, times_);
        move(batch_->values, values_);
        move(batch_->quality, quality_);
        ends_[segment.slot] += segment.end - segment.begin;
    }
    batch_->times.swap(times_);
    batch_->values.swap(values_);
    batch_->quality.swap(quality_);
}

}  // namespace mw::payload
