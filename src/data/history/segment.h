#pragma once
// Sealing: how a generation of the head becomes files. History owns the seam and the order of rows;
// the file format is the implementer's (data/segments: Parquet). All of this runs on a worker.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "data/history/head_snapshot.h"
#include "data/history/series.h"

namespace mw::history {

enum class Table : std::uint8_t { points = 0, decisions = 1, rollups = 2 };

// A sealed file as the catalog knows it.
struct SegmentFile {
    std::string path;  // below the history directory in the catalog; absolute in a snapshot
    Table table = Table::points;
    std::uint64_t generation = 0;  // grows with every seal: of two equal (series, time), the
                                   // higher generation is the newer one
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    Timestamp time_min;  // inclusive
    Timestamp time_max;
    std::string device_first;  // in byte order; inclusive
    std::string device_last;
    bool overlaps = false;   // some (series, time) here may also be in a file of a lower generation
    bool compacted = false;  // made of other files: within one slice of the day, or a month
    bool boxed = false;      // of points: has columns for values that no double can say
    std::optional<std::uint32_t> checksum{};  // CRC-32C of its bytes; old files have none

    // Whoever holds it can go on reading the file, also after its rows have moved to another one.
    struct Hold {
        SteadyTime since;  // when this process came to know the file
    };
    std::shared_ptr<const Hold> hold{};
};

// A stretch of time, both ends inclusive.
struct Span {
    Timestamp from, to;
    bool holds(Timestamp time) const { return time >= from && time <= to; }
};

// Which rows of a series must go, as spans in order that don't touch; usually none. Any thread.
using Erasure =
    std::function<std::vector<Span>(const std::string& device, const std::string& signal)>;

// A merge takes the rows of one span from files of points; of equal (series, time) the one of the
// highest generation stays.
struct MergeOrder {
    std::vector<SegmentFile> inputs;  // absolute paths, lowest generation first
    Span span;
    Erasure erase;  // may be empty
};
struct Merged {
    std::uint64_t rows = 0;  // written; without any there is no file
    std::uint64_t rollups = 0;
    std::uint64_t repeats = 0;
    std::uint64_t erased = 0;
    bool boxed = false;  // as SegmentFile says it
    Timestamp time_min = time_highest;
    Timestamp time_max = time_lowest;
    std::string device_first;
    std::string device_last;
};

// Rows of one series, by time, each time once.
struct SortedSeries {
    const SeriesEntry* series = nullptr;
    const DeviceContext* context = nullptr;  // never null
    Columns rows;                            // valid until the next call
};

// The points of one generation inside [from, to], by device, signal (byte order), then time.
class SortedPoints {
 public:
    SortedPoints(const HeadSnapshot& head, ContextSnapshot context, Timestamp from, Timestamp to);
    // Series without rows are skipped. False: that was all.
    bool next(SortedSeries& out);
    std::size_t rows() const { return extent_.rows; }  // in total, exact
    // What the catalog wants to know; without rows only `rows` means something.
    struct Extent {
        std::size_t rows = 0;
        Timestamp time_min = time_highest;
        Timestamp time_max = time_lowest;
        std::string device_first;
        std::string device_last;
        bool overlaps = false;  // rows at or before the newest time of earlier generations
        bool boxed = false;     // some series may have values that no double can say
    };
    const Extent& extent() const { return extent_; }

 private:
    // Rows [begin, end) of a piece.
    struct Cut {
        std::size_t begin = 0;
        std::size_t end = 0;
    };
    Cut cut(const Columns& piece) const;
    void survey(std::size_t i);
    void gather(std::size_t i);
    void take(const Columns& piece, std::size_t begin, std::size_t end);
    void prefetch(std::size_t i) const;
    void merge_late(std::size_t ordered);
    const HeadSnapshot* head_;
    ContextSnapshot context_;
    Timestamp from_, to_;
    std::vector<std::uint32_t> order_;
    std::size_t at_ = 0;
    Extent extent_;
    std::size_t size_ = 0;  // rows of the series at hand, in these columns
    std::vector<Timestamp> times_;
    std::vector<double> values_;
    std::vector<Quality> quality_;
};

// A decision and where its device stands.
struct DecisionRow {
    const Decision* decision = nullptr;
    const DeviceContext* context = nullptr;  // never null
};

// "points/day=.../X" -> "rollups/day=.../X", where the rollups of a file of points are, if any.
std::string rollups_of(const std::string& points);

// Where a file of points and its 1-minute rollups are made. The folders exist, the files don't.
struct PointPaths {
    std::string points;
    std::string rollups;
};
struct PointRows {
    std::uint64_t points = 0;
    std::uint64_t rollups = 0;  // 0: this writer makes none
};

class SegmentWriter {
 public:
    virtual ~SegmentWriter() = default;
    // Makes files with exactly the rows given; history syncs them, moves them into their day
    // folders and enters them in the catalog. Called on worker threads, one call at a time.
    virtual Result<PointRows> write_points(const PointPaths& paths, SortedPoints& points) = 0;
    // Rows come by device, then window_to. Returns how many were written.
    virtual Result<std::uint64_t> write_decisions(const std::string& path,
                                                  const std::vector<DecisionRow>& rows) = 0;
    // Merges files that write_points or merge_points made, in bounded memory, into one of the same
    // order. Several calls never run at a time, but one may beside a call of the others above.
    virtual Result<Merged> merge_points(const PointPaths& paths, const MergeOrder& order,
                                        std::stop_token stop);
    // The same for one file of decisions; erase() is asked about the signal "".
    virtual Result<Merged> rewrite_decisions(const std::string& path, const MergeOrder& order);
    // Whether some row of the file must go.
    virtual Result<bool> holds(const SegmentFile& file, const Erasure& erase);
    virtual std::string extension() const { return ".parquet"; }
};

}  // namespace mw::history
