#pragma once
// Rows of several files of points as one: by device, signal, time, each (series, time) once. A
// merge of cursors, so memory is bounded by the number of files, not by their size; sorting by SQL
// would need all rows of a day in memory, as this DuckDB does not spill.

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "data/segments/file_rows.h"
#include "data/segments/points_chunk.h"

namespace mw::segments {

// Rows of one series from one file.
struct MergeRun {
    const RunKeys* keys = nullptr;
    std::size_t series = 0;  // counts up
    const std::int64_t* times = nullptr;
    const double* values = nullptr;
    const std::uint8_t* quality = nullptr;
    std::size_t size = 0;
};

class MergeRows {
 public:
    static Result<std::unique_ptr<MergeRows>> open(duckdb::Database& database,
                                                   const history::MergeOrder& order);

    // At most `most` rows, valid until the next call; false: that was all. Counts into merged().
    Result<bool> next(std::size_t most, MergeRun& run);

    const PointDictionaries& dictionaries() const { return dictionaries_; }
    std::size_t devices() const { return dictionaries_[0].texts().size(); }
    std::uint64_t rows_at_most() const { return rows_at_most_; }
    const history::Merged& merged() const { return merged_; }

 private:
    struct Source {
        std::size_t file = 0;  // by generation: a later one wins
        RunKeys keys;
    };
    struct Series {
        std::uint64_t id = 0;
        std::string device, signal;
        std::vector<Source> sources;
    };
    void plan(std::vector<std::vector<FileSeries>> found);
    void add_series(Series& series, std::size_t file, const FileSeries& found, int exponent);
    Result<const Source*> front(Timestamp& last);
    Result<bool> erased(const Source& source);
    void begin_series();
    Error disorder(const Source& source) const;
    void note(const MergeRun& run);

    history::Erasure erase_;
    std::vector<std::string> paths_;
    std::vector<FileRows> files_;
    std::vector<Series> series_;
    std::size_t at_ = 0;  // in series_
    bool begun_ = false;
    std::vector<history::Span> spans_;  // of the series at hand, to be erased
    std::optional<Timestamp> last_;     // of the series at hand
    const Source* taken_ = nullptr;     // its rows were given and are to be skipped now
    std::size_t taken_rows_ = 0;
    PointDictionaries dictionaries_;
    std::uint64_t rows_at_most_ = 0;
    history::Merged merged_;
};

// For COPY, scanned once; `rows` outlives it. `failure` keeps what went wrong underneath.
std::shared_ptr<const duckdb::TableSource> merge_source(MergeRows& rows, std::stop_token stop,
                                                        std::optional<Error>& failure);

}  // namespace mw::segments
