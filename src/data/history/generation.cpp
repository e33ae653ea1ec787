#include "data/history/generation.h"

#include <algorithm>

namespace mw::history {
namespace {

constexpr std::size_t late_row_bytes = 56;  // of the index of late points, roughly

std::size_t bytes_of_decision(const Decision& d) {
    return sizeof d + d.device.text.size() + d.position.stream.size() + d.asset.size() +
           d.use_case.size() + d.model.size() + d.version.size() + d.bundle_hash.size() +
           d.fallback.size();
}

}  // namespace

Added Generation::add(SeriesRef series, const Columns& rows, Timestamp boundary) {
    if (series.index >= slots_.size()) {
        bytes_ += (series.index + 1 - slots_.size()) * sizeof(Slot);
        slots_.resize(series.index + 1);
    }
    auto& slot = slots_[series.index];
    if (slot.rows() == 0) slot.boundary = boundary;
    if (rows.boxes || slot.boxed) [[unlikely]]
        return add_boxed(slot, rows);
    return add_rows(slot, rows);
}

Added Generation::add_rows(Slot& slot, const Columns& rows) {
    Added added;
    for (std::size_t i = 0; i < rows.size();) {
        auto ordered = add_ordered(slot, rows, i);
        i += ordered;
        if (ordered > 0 || i == rows.size()) continue;
        added += add_late(slot, rows.times[i], rows.values[i], rows.quality[i]);
        ++i;
    }
    return added;
}

// Boxes become those of this generation. What only looks like one is a NaN from now on: here and,
// when these are the first boxes of the series, in the rows before.
Added Generation::add_boxed(Slot& slot, const Columns& rows) {
    if (!slot.boxed) {
        open_boxes(slot.ordered);
        open_boxes(slot.late);
        slot.boxed = true;
    }
    own_values_.assign(rows.values.begin(), rows.values.end());
    for (double& value : own_values_)
        if (is_box(value)) value = rows.boxes ? boxes_.adopt(value, *rows.boxes) : no_value;
    return add_rows(slot, {rows.times, own_values_, rows.quality});
}

void Generation::open_boxes(Lane& lane) {
    for (std::uint32_t row = 0; row < lane.rows; ++row) {
        const auto& block = *lane.blocks[row / block_points];
        const auto at = row % block_points;
        if (is_box(block.values[at])) overwrite(lane, row, no_value, block.quality[at]);
    }
}

void Generation::prefetch_block(SeriesRef series) const {
    if (series.index >= slots_.size()) return;
    const Lane& lane = slots_[series.index].ordered;
    if (lane.blocks) __builtin_prefetch(&lane.blocks[lane.rows / block_points]);
}

void Generation::prefetch_rows(SeriesRef series) const {
    if (series.index >= slots_.size()) return;
    const Lane& lane = slots_[series.index].ordered;
    const auto index = lane.rows / block_points;
    const auto at = lane.rows % block_points;
    if (index >= lane.capacity || !lane.blocks[index]) return;
    const Block& block = *lane.blocks[index];
    __builtin_prefetch(&block.times[at], 1);
    __builtin_prefetch(&block.values[at], 1);
    __builtin_prefetch(&block.quality[at], 1);
    if (at > 0) __builtin_prefetch(&block.times[at - 1]);
}

// Appends rows while their times grow; how many.
std::size_t Generation::add_ordered(Slot& slot, const Columns& rows, std::size_t from) {
    auto& lane = slot.ordered;
    auto last = lane.rows > 0 ? lane.time(lane.rows - 1) : time_lowest;
    bool first = lane.rows == 0;
    auto i = from;
    while (i < rows.size()) {
        make_room(lane);
        auto* block = lane.blocks[lane.rows / block_points];
        auto at = lane.rows % block_points;
        auto end = std::min(rows.size(), i + (block_points - at));
        auto stop = i;
        for (; stop < end && (rows.times[stop] > last || first); ++stop) {
            last = rows.times[stop];
            first = false;
        }
        auto count = stop - i;
        if (count > 0 && rows.times[i] <= slot.boundary) slot.overlaps = true;
        std::copy_n(rows.times.data() + i, count, block->times + at);
        std::copy_n(rows.values.data() + i, count, block->values + at);
        std::copy_n(rows.quality.data() + i, count, block->quality + at);
        lane.rows += static_cast<std::uint32_t>(count);
        i = stop;
        if (i < end) break;
    }
    points_ += i - from;
    return i - from;
}

Added Generation::add_late(Slot& slot, Timestamp time, double value, Quality quality) {
    if (time <= slot.boundary) slot.overlaps = true;
    auto row = lower_bound(slot.ordered, time);
    if (row < slot.ordered.rows && slot.ordered.time(row) == time) {
        overwrite(slot.ordered, row, value, quality);
        return {.late = 0, .replaced = 1};
    }
    if (!slot.late_rows)
        slot.late_rows = std::make_unique<std::unordered_map<std::int64_t, std::uint32_t>>();
    auto [known, fresh] = slot.late_rows->try_emplace(time.ns, slot.late.rows);
    if (!fresh) {
        overwrite(slot.late, known->second, value, quality);
        return {.late = 0, .replaced = 1};
    }
    bytes_ += late_row_bytes;
    push(slot.late, time, value, quality);
    return {.late = 1, .replaced = 0};
}

void Generation::push(Lane& lane, Timestamp time, double value, Quality quality) {
    make_room(lane);
    auto* block = lane.blocks[lane.rows / block_points];
    auto at = lane.rows % block_points;
    block->times[at] = time;
    block->values[at] = value;
    block->quality[at] = quality;
    ++lane.rows;
    ++points_;
}

void Generation::make_room(Lane& lane) {
    if (lane.rows % block_points != 0) return;
    auto index = lane.rows / block_points;
    if (index == lane.capacity) {
        auto capacity = std::max<std::uint32_t>(1, lane.capacity * 2);
        auto** blocks = new_array(capacity);
        std::copy_n(lane.blocks, lane.capacity, blocks);
        lane.blocks = blocks;
        lane.capacity = capacity;
        lane.epoch = epoch_;
    } else if (lane.blocks[index]) {
        return;  // made before, not yet used
    }
    lane.blocks[index] = new_block();
}

// In place only what no snapshot has seen.
void Generation::overwrite(Lane& lane, std::uint32_t row, double value, Quality quality) {
    auto index = row / block_points;
    auto* block = lane.blocks[index];
    if (block->epoch < epoch_) {
        auto* copy = new_block();
        *copy = *block;
        copy->epoch = epoch_;
        if (lane.epoch < epoch_) {
            auto** blocks = new_array(lane.capacity);
            std::copy_n(lane.blocks, lane.capacity, blocks);
            lane.blocks = blocks;
            lane.epoch = epoch_;
        }
        lane.blocks[index] = block = copy;
    }
    block->values[row % block_points] = value;
    block->quality[row % block_points] = quality;
}

Block* Generation::new_block() {
    if (slab_used_ == slab_blocks) {
        slabs_.push_back(std::make_unique_for_overwrite<std::byte[]>(slab_blocks * sizeof(Block)));
        slab_used_ = 0;
        bytes_ += slab_blocks * sizeof(Block);
    }
    auto* block = reinterpret_cast<Block*>(slabs_.back().get()) + slab_used_++;
    block->epoch = epoch_;
    return block;
}

Block** Generation::new_array(std::uint32_t capacity) {
    arrays_.push_back(std::make_unique<Block*[]>(capacity));
    bytes_ += capacity * sizeof(Block*);
    return arrays_.back().get();
}

void Generation::add(Decision decision) {
    bytes_ += bytes_of_decision(decision);
    decisions_.push_back(std::move(decision));
}

std::vector<SeriesRef> Generation::touched_series() const {
    std::vector<SeriesRef> refs;
    for (std::uint32_t i = 0; i < slots_.size(); ++i)
        if (slots_[i].rows() > 0) refs.push_back({i});
    return refs;
}

// The first row of an ordered lane at or behind a time.
std::uint32_t Generation::lower_bound(const Lane& lane, Timestamp time) {
    std::uint32_t low = 0, high = lane.rows;
    while (low < high) {
        auto middle = low + (high - low) / 2;
        if (lane.time(middle) < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

std::shared_ptr<const HeadSnapshot> Generation::snapshot(const Bounds& bounds,
                                                         const SeriesTable& table) {
    auto snapshot = std::make_shared<HeadSnapshot>();
    snapshot->directory_ = table.directory();
    snapshot->alive_ = shared_from_this();
    snapshot->boxes_ = &boxes_;
    if (bounds.points && points_ > 0) {
        ++epoch_;
        if (auto chosen = table.select(bounds)) {
            for (auto ref : *chosen) view_series(ref, bounds, *snapshot);
        } else {
            snapshot->series_.reserve(slots_.size());
            for (std::uint32_t i = 0; i < slots_.size(); ++i) view_series({i}, bounds, *snapshot);
        }
    }
    if (bounds.decisions) {
        auto wanted = [&](const Decision& d) {
            return d.window_to >= bounds.from && d.window_to <= bounds.to &&
                   (bounds.devices.empty() ||
                    std::find(bounds.devices.begin(), bounds.devices.end(), d.device.text) !=
                        bounds.devices.end());
        };
        for (const auto& decision : decisions_)
            if (wanted(decision)) snapshot->decisions_.push_back(&decision);
    }
    return snapshot;
}

void Generation::view_series(SeriesRef ref, const Bounds& bounds, HeadSnapshot& snapshot) const {
    if (ref.index >= slots_.size()) return;
    const auto& slot = slots_[ref.index];
    if (slot.rows() == 0) return;
    auto first = bounds.from == time_lowest ? 0 : lower_bound(slot.ordered, bounds.from);
    auto end = slot.ordered.rows;
    if (bounds.to != time_highest) end = lower_bound(slot.ordered, bounds.to + nanoseconds{1});
    auto ordered = view(slot.ordered, first, std::max(first, end));
    auto late = view(slot.late, 0, slot.late.rows);
    if (ordered.rows() + late.rows() == 0) return;
    snapshot.rows_ += ordered.rows() + late.rows();
    snapshot.overlaps_ |= slot.overlaps;
    snapshot.series_.push_back({ref, slot.boxed, ordered, late, slot.boundary});
}

HeadSnapshot::Lane Generation::view(const Lane& lane, std::uint32_t first, std::uint32_t end) {
    return {lane.blocks, first, end};
}

}  // namespace mw::history
