#pragma once
// Rollups as a Parquet file: a row for each series and minute (docs/formats/segment.md, "Rollups"),
// made while the points of a file go by.

#include "data/segments/minutes.h"
#include "data/segments/point_columns.h"

namespace mw::segments {

// A group ends with the series that fills it: a query for one series reads little else.
inline constexpr std::size_t rollup_group_rows = 16'384;

class RollupsFile {
 public:
    explicit RollupsFile(ParquetFile file) : file_(std::move(file)) {}
    static std::span<const ParquetColumn> schema();

    // Points of a series, as PointsFile::add takes them; then end_series() with what the rows of
    // its minutes are to be called.
    void add(const history::Columns& rows, const ScaledSeries& scaled);
    Result<> end_series(const SeriesNames& names);
    // The number of rows.
    Result<std::uint64_t> finish();

 private:
    void write(const SeriesNames& names, const MinuteColumns& rows);
    void write_good(const MinuteColumns& rows, bool first_of_device);
    Result<> end_group();
    void clear();

    enum Value : std::uint8_t { min, max, sum, first, last, values_count };
    ParquetFile file_;
    std::uint64_t rows_total_ = 0;
    std::size_t rows_ = 0;  // of the group at hand
    Minutes minutes_;       // of the series at hand
    int exponent_ = -1;     // of the series at hand
    ScaledSeries scaled_;
    NameColumns names_;
    TimeColumn times_, first_times_, last_times_;
    DeltaEncoder counts_, goods_;
    Levels has_good_;
    ScaledColumn values_[values_count];
    ByteColumn divisors_;
};

}  // namespace mw::segments
