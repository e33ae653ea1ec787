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
    // boxed: with columns for values that no double can say; without, rows.boxes is null.
    PointsFile(ParquetFile file, bool boxed) : file_(std::move(file)), boxed_(boxed) {}
    static std::span<const ParquetColumn> schema(bool boxed);

    // Rows of a series, by time; a series may come in parts, all with one exponent. What is boxed
    // is not asked of `scaled`.
    Result<> add(const SeriesNames& names, const history::Columns& rows,
                 const ScaledSeries& scaled);
    // The number of rows.
    Result<std::uint64_t> finish();

 private:
    void add_values(const history::Columns& rows, const ScaledSeries& scaled, std::size_t begin,
                    std::size_t end);
    void add_boxed(const Boxes& boxes, double value);
    void add_quality(std::span<const Quality> quality);
    Result<> end_group();
    void clear();

    ParquetFile file_;
    bool boxed_ = false;
    std::uint64_t rows_total_ = 0;
    std::size_t rows_ = 0;  // of the group at hand
    NameColumns names_;
    TimeColumn times_;
    ScaledColumn values_;
    ByteColumn divisors_, quality_;
    OptionalTextColumn texts_;        // if boxed_
    OptionalIntegerColumn integers_;  // if boxed_
};

}  // namespace mw::segments
