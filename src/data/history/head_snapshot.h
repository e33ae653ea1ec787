#pragma once
// What the head held at one moment, bounded by series and time. Any thread may read it while the
// loop goes on appending: it keeps the blocks alive and never sees later points. Making one copies
// about 64 bytes per series, no points.

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/history/series.h"
#include "domain/decision.h"
#include "domain/point.h"

namespace mw::history {

inline constexpr Timestamp time_lowest{std::numeric_limits<std::int64_t>::min()};
inline constexpr Timestamp time_highest{std::numeric_limits<std::int64_t>::max()};

// What a query wants. Empty lists mean all; devices and signals both apply.
struct Bounds {
    Timestamp from = time_lowest;
    Timestamp to = time_highest;  // inclusive
    std::vector<std::string> devices;
    std::vector<std::string> signals;
    bool points = true;
    bool decisions = true;
    bool rollups = false;  // of the files of points
    bool latest = false;   // the newest value of each series; the times don't apply
};

// Rows of one series; columns of equal length.
struct Columns {
    std::span<const Timestamp> times;
    std::span<const double> values;
    std::span<const Quality> quality;
    const Boxes* boxes = nullptr;  // null: no value is a box
    std::size_t size() const { return times.size(); }
};

inline constexpr std::size_t block_points = 64;
struct Block {
    Timestamp times[block_points];
    double values[block_points];
    Quality quality[block_points];
    std::uint64_t epoch;  // the writer's
};

class HeadSnapshot {
 public:
    std::size_t series() const { return series_.size(); }
    SeriesRef ref(std::size_t i) const { return series_[i].ref; }
    const SeriesEntry& entry(std::size_t i) const { return directory_->at(series_[i].ref); }
    // Rows, before the time bounds cut inside the outermost blocks: never too few.
    std::size_t rows() const { return rows_; }
    std::size_t rows(std::size_t i) const;

    // Pieces of at most 64 rows. The ordered ones come first and are cut to the time bounds
    // exactly; pieces of late points are in order of arrival and may hold rows outside the bounds.
    // No (series, time) occurs twice in one snapshot.
    std::size_t pieces(std::size_t i) const;
    Columns piece(std::size_t i, std::size_t p) const;
    // How many of the pieces are ordered.
    std::size_t ordered_pieces(std::size_t i) const { return series_[i].ordered.pieces(); }
    Timestamp boundary(std::size_t i) const { return series_[i].boundary; }
    // Null: it has none.
    const Boxes* boxes(std::size_t i) const { return series_[i].boxed ? boxes_ : nullptr; }

    // Decisions by arrival, cut to the bounds.
    const std::vector<const Decision*>& decisions() const { return decisions_; }

    // Some rows lie at or before the sealed end of their series: a segment may hold the same
    // (series, time), and the row here is the newer one.
    bool overlaps() const { return overlaps_; }
    const SeriesDirectory& directory() const { return *directory_; }

 private:
    friend class Generation;
    // One lane of one series: blocks[first..], the last one partly filled.
    struct Lane {
        Block* const* blocks = nullptr;
        std::uint32_t first = 0;  // row number within the lane
        std::uint32_t end = 0;    // row number behind the last
        std::size_t rows() const { return end - first; }
        std::size_t pieces() const;
        Columns piece(std::size_t p) const;
    };
    struct Series {
        SeriesRef ref;
        bool boxed = false;
        Lane ordered;
        Lane late;
        Timestamp boundary;  // the newest time of the series in earlier generations
    };
    std::vector<Series> series_;
    const Boxes* boxes_ = nullptr;  // of the generation
    std::size_t rows_ = 0;
    std::vector<const Decision*> decisions_;
    bool overlaps_ = false;
    std::shared_ptr<const SeriesDirectory> directory_;
    std::shared_ptr<const void> alive_;  // the generation that owns blocks and decisions
};

}  // namespace mw::history
