#pragma once
// Points as a Parquet file (docs/formats/segment.md). What is constant in a series costs a run, not
// a row; times, values and quality pass once from the series to encoded pages.

#include <cstdint>

#include "data/history/history.h"
#include "data/segments/point_columns.h"

namespace mw::segments {

// Rows of a group; a group ends before a series that would not fit, if it is at least half full.
inline constexpr std::size_t group_rows_max = 122'880;

class PointsFile {
 public:
    explicit PointsFile(ParquetFile file) : file_(std::move(file)) {}
    static std::span<const ParquetColumn> schema();

    // Rows of a series, by time; a series may come in parts, all with one exponent.
    Result<> add(const SeriesNames& names, const history::Columns& rows,
                 const ScaledSeries& scaled);
    // The number of rows.
    Result<std::uint64_t> finish();

 private:
    void add_quality(std::span<const Quality> quality);
    Result<> end_group();
    void clear();

    ParquetFile file_;
    std::uint64_t rows_total_ = 0;
    std::size_t rows_ = 0;  // of the group at hand
    NameColumns names_;
    TimeColumn times_;
    ScaledColumn values_;
    ByteColumn divisors_, quality_;
};

}  // namespace mw::segments
