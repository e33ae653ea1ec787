#pragma once
// A file of points and the rollups beside it, both from one pass over the series.

#include <optional>

#include "data/segments/points_file.h"
#include "data/segments/rollups_file.h"
#include "platform/files/files.h"

namespace mw::segments {

class SeriesFiles {
 public:
    // Files that must not exist. Whoever gives up removes them. boxed: rows may have boxes.
    static Result<SeriesFiles> create(files::Files& files, const history::PointPaths& paths,
                                      Compressor& zstd, bool boxed);

    // A whole series; its divisor is found here.
    Result<> add(const SeriesNames& names, const history::Columns& rows);
    // A part of a series whose divisor is known; after the last part, end_series().
    Result<> add_part(const SeriesNames& names, const history::Columns& rows, int exponent);
    Result<> end_series(const SeriesNames& names) { return rollups_.end_series(names); }
    Result<history::PointRows> finish();

 private:
    SeriesFiles(ParquetFile points, ParquetFile rollups, bool boxed)
        : points_(std::move(points), boxed), rollups_(std::move(rollups)) {}
    Result<> add_scaled(const SeriesNames& names, const history::Columns& rows);
    Result<> add_boxed(const SeriesNames& names, const history::Columns& rows,
                       std::optional<int> exponent);
    PointsFile points_;
    RollupsFile rollups_;
    ScaledSeries scaled_;
    // Scratch of add_boxed(): the rows that have a number.
    std::vector<Timestamp> times_;
    std::vector<double> numbers_;
    std::vector<Quality> quality_;
};

// All points, in their order. After an error there is no file.
Result<history::PointRows> write_series_files(files::Files& files, const history::PointPaths& paths,
                                              history::SortedPoints& points, Compressor& zstd);
void remove_series_files(files::Files& files, const history::PointPaths& paths);

}  // namespace mw::segments
