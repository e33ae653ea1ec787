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
    void write_values(const MinuteColumns& rows, bool first_of_device);
    Result<> end_group();
    void clear();

    // One of the five: m above the divisor, or a double.
    struct Values {
        DeltaEncoder scaled;
        std::vector<double> raw;
    };
    void add_values(Values& values);
    ParquetFile file_;
    std::uint64_t rows_total_ = 0;
    std::size_t rows_ = 0;  // of the group at hand
    Minutes minutes_;       // of the series at hand
    int exponent_ = -1;     // of the series at hand
    NameColumns names_;
    TimeColumn times_, first_times_, last_times_;
    DeltaEncoder counts_, goods_;
    Levels has_good_, has_scaled_, has_raw_;
    Values values_[minute_values];
    ByteColumn divisors_;
};

}  // namespace mw::segments
