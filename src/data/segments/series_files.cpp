#include "data/segments/series_files.h"

namespace mw::segments {

Result<SeriesFiles> SeriesFiles::create(files::Files& files, const history::PointPaths& paths,
                                        Compressor& zstd, bool boxed) {
    TRY(auto points, ParquetFile::create(files, paths.points, PointsFile::schema(boxed), zstd));
    auto rollups = ParquetFile::create(files, paths.rollups, RollupsFile::schema(), zstd);
    if (rollups) return SeriesFiles(std::move(points), std::move(*rollups), boxed);
    ignore(files.remove(paths.points), "it was just made");
    return rollups.error();
}

Result<> SeriesFiles::add(const SeriesNames& names, const history::Columns& rows) {
    if (rows.boxes) {
        TRY_VOID(add_boxed(names, rows, {}));
    } else {
        scaled_.set(rows.values);
        TRY_VOID(add_scaled(names, rows));
    }
    return rollups_.end_series(names);
}

Result<> SeriesFiles::add_part(const SeriesNames& names, const history::Columns& rows,
                               int exponent) {
    if (rows.boxes) return add_boxed(names, rows, exponent);
    scaled_.set(rows.values, exponent);
    return add_scaled(names, rows);
}

Result<> SeriesFiles::add_scaled(const SeriesNames& names, const history::Columns& rows) {
    TRY_VOID(points_.add(names, rows, scaled_));
    rollups_.add(rows, scaled_);
    return {};
}

// Texts are in no rollup, large integers are the nearest doubles there.
Result<> SeriesFiles::add_boxed(const SeriesNames& names, const history::Columns& rows,
                                std::optional<int> exponent) {
    times_.clear();
    numbers_.clear();
    quality_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (is_box(rows.values[i]) && !rows.boxes->integer(rows.values[i])) continue;
        times_.push_back(rows.times[i]);
        numbers_.push_back(rows.boxes->number(rows.values[i]));
        quality_.push_back(rows.quality[i]);
    }
    if (exponent)
        scaled_.set(numbers_, *exponent);
    else
        scaled_.set(numbers_);
    const int common = scaled_.exponent();
    if (!numbers_.empty()) rollups_.add({times_, numbers_, quality_}, scaled_);
    scaled_.set(rows.values, common);
    return points_.add(names, rows, scaled_);
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
    auto made = SeriesFiles::create(files, paths, zstd, points.extent().boxed);
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
