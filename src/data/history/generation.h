#pragma once
// One generation of the head: the points and decisions since the last seal, in memory. Its loop
// appends; snapshots read from other threads. What a snapshot may see is never changed again:
// blocks fill up behind its end, and an overwrite replaces a block by a copy. No limits of its own.

#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "data/history/box_pool.h"
#include "data/history/head_snapshot.h"
#include "data/history/series_table.h"

namespace mw::history {

struct Added {
    std::uint64_t late = 0;      // not newer than the series' newest point
    std::uint64_t replaced = 0;  // same series and time again: the last one won
    Added& operator+=(Added other) {
        late += other.late, replaced += other.replaced;
        return *this;
    }
};

class Generation : public std::enable_shared_from_this<Generation> {
 public:
    // boundary: the newest time of the series in earlier generations, needed at its first point
    // here.
    Added add(SeriesRef series, const Columns& rows, Timestamp boundary);
    // Brings the place of a series' next point nearer, in three steps, each when the one before
    // has had time to arrive. They change nothing.
    void prefetch_slot(SeriesRef series) const {
        if (series.index < slots_.size()) __builtin_prefetch(&slots_[series.index], 1);
    }
    void prefetch_block(SeriesRef series) const;
    void prefetch_rows(SeriesRef series) const;
    bool touched(SeriesRef series) const {
        return series.index < slots_.size() && slots_[series.index].rows() > 0;
    }
    void add(Decision decision);

    std::size_t points() const { return points_; }
    std::size_t decisions() const { return decisions_.size(); }
    bool empty() const { return points_ == 0 && decisions_.empty(); }
    std::size_t bytes() const { return bytes_ + boxes_.bytes(); }
    std::vector<SeriesRef> touched_series() const;

    std::shared_ptr<const HeadSnapshot> snapshot(const Bounds& bounds, const SeriesTable& table);

 private:
    struct Lane {
        Block** blocks = nullptr;
        std::uint32_t capacity = 0;  // of blocks
        std::uint32_t rows = 0;
        std::uint64_t epoch = 0;  // when the array was made
        Timestamp& time(std::uint32_t row) const {
            return blocks[row / block_points]->times[row % block_points];
        }
    };
    // The ordered lane's times grow strictly; everything else is late, found by its time.
    struct Slot {
        Lane ordered;
        Lane late;
        std::unique_ptr<std::unordered_map<std::int64_t, std::uint32_t>> late_rows;
        Timestamp boundary;
        bool overlaps = false;
        bool boxed = false;  // values that look like boxes are some, of boxes_
        std::size_t rows() const { return std::size_t{ordered.rows} + late.rows; }
    };
    Added add_rows(Slot& slot, const Columns& rows);
    Added add_boxed(Slot& slot, const Columns& rows);
    void open_boxes(Lane& lane);
    std::size_t add_ordered(Slot& slot, const Columns& rows, std::size_t from);
    Added add_late(Slot& slot, Timestamp time, double value, Quality quality);
    void push(Lane& lane, Timestamp time, double value, Quality quality);
    void make_room(Lane& lane);
    void overwrite(Lane& lane, std::uint32_t row, double value, Quality quality);
    Block* new_block();
    Block** new_array(std::uint32_t capacity);
    static std::uint32_t lower_bound(const Lane& lane, Timestamp time);
    static HeadSnapshot::Lane view(const Lane& lane, std::uint32_t first, std::uint32_t end);
    void view_series(SeriesRef ref, const Bounds& bounds, HeadSnapshot& snapshot) const;

    static constexpr std::size_t slab_blocks = 32;
    std::vector<Slot> slots_;  // by series
    BoxPool boxes_;
    std::vector<double> own_values_;  // scratch of add_boxed()
    std::deque<Decision> decisions_;  // references stay valid
    // Of blocks, which nothing fills before their rows do.
    std::vector<std::unique_ptr<std::byte[]>> slabs_;
    std::size_t slab_used_ = slab_blocks;
    std::vector<std::unique_ptr<Block*[]>> arrays_;
    std::size_t points_ = 0;
    std::size_t bytes_ = 0;
    std::uint64_t epoch_ = 1;  // grows with every snapshot
};

}  // namespace mw::history
