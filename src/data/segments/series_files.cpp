#include "data/segments/series_files.h"

namespace mw::segments {

Result<SeriesFiles> SeriesFiles::create(files::Files& files, const history::PointPaths& paths,
                                        Compressor& zstd) {
    TRY(auto points, ParquetFile::create(files, paths.points, PointsFile::schema(), zstd));
    auto rollups = ParquetFile::create(files, paths.rollups, RollupsFile::schema(), zstd);
    if (rollups) return SeriesFiles(std::move(points), std::move(*rollups));
    ignore(files.remove(paths.points), "it was just made");
    return rollups.error();
}

Result<> SeriesFiles::add(const SeriesNames& names, const history::Columns& rows) {
    scaled_.set(rows.values);
    TRY_VOID(add_scaled(names, rows));
    return rollups_.end_series(names);
}

Result<> SeriesFiles::add_part(const SeriesNames& names, const history::Columns& rows,
                               int exponent) {
    scaled_.set(rows.values, exponent);
    return add_scaled(names, rows);
}

Result<> SeriesFiles::add_scaled(const SeriesNames& names, const history::Columns& rows) {
    TRY_VOID(points_.add(names, rows, scaled_));
    rollups_.add(rows, scaled_);
    return {};
}

Result<history::PointRows> SeriesFiles::finish() {
    history::PointRows rows;
    TRY(rows.points, points_.finish());
    TRY(rows.rollups, rollups_.finish());
    return rows;
}

namespace {

SeriesNames names_of(const history::SortedSeries& series) {
    const history::SeriesEntry& entry = *series.series;
    return {
        entry.id.value,
        {&entry.device, &entry.signal, &entry.unit, &series.context->asset, &series.context->site}};
}

Result<history::PointRows> write_all(SeriesFiles files, history::SortedPoints& points) {
    history::SortedSeries series;
    while (points.next(series)) TRY_VOID(files.add(names_of(series), series.rows));
    return files.finish();
}

}  // namespace

Result<history::PointRows> write_series_files(files::Files& files, const history::PointPaths& paths,
                                              history::SortedPoints& points, Compressor& zstd) {
    auto made = SeriesFiles::create(files, paths, zstd);
    if (!made) return made.error();
    auto written = write_all(std::move(*made), points);
    if (!written) remove_series_files(files, paths);
    return written;
}

void remove_series_files(files::Files& files, const history::PointPaths& paths) {
    ignore(files.remove(paths.points), "give the space back");
    ignore(files.remove(paths.rollups), "give the space back");
}

}  // namespace mw::segments
