#pragma once
// Rows of several files of points as one: by device, signal, time, each (series, time) once. A
// merge of cursors, so memory is bounded by the number of files, not by their size; sorting by SQL
// would need all rows of a day in memory, as this DuckDB does not spill.

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "data/segments/file_rows.h"
#include "data/segments/point_columns.h"

namespace mw::segments {

// Rows of one series from one file.
struct MergeRun {
    const SeriesNames* names = nullptr;  // lives as long as the MergeRows
    std::size_t series = 0;              // counts up
    int exponent = -1;                   // of all runs of the series
    const std::int64_t* times = nullptr;
    const double* values = nullptr;
    const std::uint8_t* quality = nullptr;
    std::size_t size = 0;
    const Boxes* boxes = nullptr;  // of the values; null: none is a box
};

class MergeRows {
 public:
    static Result<std::unique_ptr<MergeRows>> open(duckdb::Database& database,
                                                   const history::MergeOrder& order);

    // At most `most` rows, valid until the next call; false: that was all. Counts into merged().
    Result<bool> next(std::size_t most, MergeRun& run);

    bool empty() const { return series_.empty(); }
    const history::Merged& merged() const { return merged_; }

 private:
    struct Source {
        std::size_t file = 0;  // by generation: a later one wins
        SeriesNames names;
    };
    struct Series {
        std::uint64_t id = 0;
        std::string device, signal;
        int exponent = -1;
        std::vector<Source> sources;
    };
    void plan();
    Result<const Source*> front(Timestamp& last);
    Result<bool> erased(const Source& source);
    void begin_series();
    Error disorder(const Source& source) const;
    void note(const MergeRun& run);

    history::Erasure erase_;
    std::vector<std::string> paths_;
    std::vector<FileRows> files_;
    std::vector<std::vector<FileSeries>> found_;  // of each file
    std::vector<Series> series_;
    std::size_t at_ = 0;  // in series_
    bool begun_ = false;
    std::vector<history::Span> spans_;  // of the series at hand, to be erased
    std::optional<Timestamp> last_;     // of the series at hand
    const Source* taken_ = nullptr;     // its rows were given and are to be skipped now
    std::size_t taken_rows_ = 0;
    history::Merged merged_;
};

}  // namespace mw::segments
