#include <algorithm>
#include <filesystem>

#include "base/sql_text.h"
#include "data/segments/merge_rows.h"
#include "data/segments/segments.h"
#include "data/segments/series_files.h"
#include "data/segments/sources.h"

namespace mw::segments {
namespace {

Result<duckdb::Database> open_for(const WriterOptions& options) {
    duckdb::Options database{.memory_bytes = options.memory_bytes, .threads = 1};
    database.directories.push_back(options.directory);
    return duckdb::Database::open(database);
}

constexpr history::Span all_times{history::time_lowest, history::time_highest};

// Runs of a series as one part, as far as they have the same names.
class Part {
 public:
    Part() {
        times_.reserve(group_rows_max);
        values_.reserve(group_rows_max);
        quality_.reserve(group_rows_max);
    }
    bool takes(const MergeRun& run) const {
        return times_.empty() ||
               (run.series == series_ && times_.size() + run.size <= group_rows_max &&
                (run.names == names_ || *run.names == *names_));
    }
    // A box needs a table, so what looks like one in a part without is none.
    void take(const MergeRun& run) {
        if (run.boxes && !boxed_) {
            boxed_ = true;
            for (double& value : values_)
                if (is_box(value)) value = no_value;
        }
        names_ = run.names;
        series_ = run.series;
        exponent_ = run.exponent;
        for (std::size_t i = 0; i < run.size; ++i) {
            times_.push_back({run.times[i]});
            quality_.push_back({run.quality[i]});
        }
        values_.insert(values_.end(), run.values, run.values + run.size);
        if (boxed_) adopt(run);
    }
    // Writes it; `ends`: its series ends here.
    Result<> write(SeriesFiles& to, bool ends) {
        if (times_.empty()) return {};
        const Boxes* boxes = boxed_ ? &boxes_ : nullptr;
        TRY_VOID(to.add_part(*names_, {times_, values_, quality_, boxes}, exponent_));
        if (ends) TRY_VOID(to.end_series(*names_));
        times_.clear();
        values_.clear();
        quality_.clear();
        boxes_.clear();
        boxed_ = false;
        return {};
    }
    bool is_of(const MergeRun& run) const { return run.series == series_; }

 private:
    void adopt(const MergeRun& run) {
        for (std::size_t i = values_.size() - run.size; i < values_.size(); ++i)
            if (is_box(values_[i]))
                values_[i] = run.boxes ? boxes_.adopt(values_[i], *run.boxes) : no_value;
    }
    const SeriesNames* names_ = nullptr;
    std::size_t series_ = 0;
    int exponent_ = -1;
    std::vector<Timestamp> times_;
    std::vector<double> values_;
    std::vector<Quality> quality_;
    BoxList boxes_;
    bool boxed_ = false;  // values that look like boxes are some, of boxes_
};

Result<history::PointRows> write_parts(SeriesFiles files, MergeRows& rows,
                                       const std::stop_token& stop) {
    Part part;
    MergeRun run;
    for (;;) {
        if (stop.stop_requested()) return Error{Errc::cancelled, "the merge was stopped"};
        TRY(const bool more, rows.next(duckdb::chunk_rows_max, run));
        if (!more) break;
        if (!part.takes(run)) TRY_VOID(part.write(files, !part.is_of(run)));
        part.take(run);
    }
    TRY_VOID(part.write(files, true));
    return files.finish();
}

Result<history::Merged> write_merged(const history::PointPaths& paths, MergeRows& rows,
                                     const std::stop_token& stop) {
    if (rows.empty()) return history::Merged{};
    files::RealFiles files;
    Compressor zstd;  // of its own: a seal may run beside it
    TRY(auto made, SeriesFiles::create(files, paths, zstd, rows.merged().boxed));
    auto written = write_parts(std::move(made), rows, stop);
    history::Merged merged = rows.merged();
    if (written && written->points != merged.rows)
        written = Error{Errc::io_failed, "it has " + std::to_string(written->points) +
                                             " rows instead of " + std::to_string(merged.rows)};
    if (!written || merged.rows == 0) remove_series_files(files, paths);
    if (!written) return written.error();
    merged.rollups = written->rollups;
    return merged;
}

void remove_quietly(const std::string& path) {
    std::error_code ignored;  // there may be nothing to remove
    std::filesystem::remove(path, ignored);
}

Result<std::vector<std::string>> devices_in(duckdb::Connection& connection,
                                            const std::string& path) {
    std::vector<std::string> devices;
    TRY(auto rows, connection.query("SELECT DISTINCT device" + from_file(path, all_times)));
    duckdb::Chunk chunk;
    for (;;) {
        TRY(const bool more, rows.next(chunk));
        if (!more) return devices;
        for (std::size_t i = 0; i < chunk.size(); ++i)
            devices.emplace_back(chunk.column(0).text(i));
    }
}

// The rows of a file of decisions that must go, as SQL.
std::string decisions_to_erase(const std::vector<std::string>& devices,
                               const history::Erasure& erase) {
    std::string sql = "false";
    for (const std::string& device : devices) {
        for (const history::Span& span : erase(device, "")) {
            sql += " OR (device = " + sql_text(device);
            if (span.from > history::time_lowest)
                sql += " AND \"time\" >= make_timestamp_ns(" + std::to_string(span.from.ns) + ")";
            if (span.to < history::time_highest)
                sql += " AND \"time\" <= make_timestamp_ns(" + std::to_string(span.to.ns) + ")";
            sql += ")";
        }
    }
    return sql;
}

Result<history::Merged> describe_decisions(duckdb::Connection& connection,
                                           const std::string& path) {
    TRY(auto rows, connection.query("SELECT count(*)::UBIGINT, epoch_ns(min(\"time\")), "
                                    "epoch_ns(max(\"time\")), min(device), max(device)" +
                                    from_file(path, all_times)));
    duckdb::Chunk chunk;
    TRY(const bool any, rows.next(chunk));
    history::Merged merged;
    if (!any) return merged;
    merged.rows = chunk.column(0).data<std::uint64_t>()[0];
    if (merged.rows == 0) return merged;
    merged.time_min = {chunk.column(1).data<std::int64_t>()[0]};
    merged.time_max = {chunk.column(2).data<std::int64_t>()[0]};
    merged.device_first = chunk.column(3).text(0);
    merged.device_last = chunk.column(4).text(0);
    return merged;
}

}  // namespace

Result<history::Merged> ParquetWriter::merge_points(const history::PointPaths& paths,
                                                    const history::MergeOrder& order,
                                                    std::stop_token stop) {
    TRY_VOID(inside(paths.points));
    TRY_VOID(inside(paths.rollups));
    auto merged = [&]() -> Result<history::Merged> {
        TRY(auto readers, open_for(options()));
        TRY(auto rows, MergeRows::open(readers, order));
        return write_merged(paths, *rows, stop);
    }();
    return std::move(merged).context("merge " + paths.points);
}

Result<history::Merged> ParquetWriter::rewrite_decisions(const std::string& path,
                                                         const history::MergeOrder& order) {
    TRY(auto database, open_for(options()));
    TRY(auto connection, database.connect());
    const std::string& from = order.inputs.front().path;
    TRY(const auto devices, devices_in(connection, from));
    const std::string rows = from_file(from, order.span);
    const std::string gone = order.erase ? decisions_to_erase(devices, order.erase) : "false";
    TRY(const std::string before, connection.text("SELECT count(*)::VARCHAR" + rows));
    auto merged = [&]() -> Result<history::Merged> {
        TRY_VOID(connection.run("COPY (SELECT *" + rows + " AND NOT (" + gone + ")) TO " +
                                sql_text(path) + decisions_copy_options()));
        return describe_decisions(connection, path);
    }();
    if (!merged || merged->rows == 0) remove_quietly(path);
    if (!merged) return std::move(merged).context("rewrite " + from);
    merged->erased = std::stoull(before) - merged->rows;
    return merged;
}

Result<bool> ParquetWriter::holds(const history::SegmentFile& file, const history::Erasure& erase) {
    TRY(auto database, open_for(options()));
    TRY(auto connection, database.connect());
    std::vector<FileSeries> series;
    if (file.table == history::Table::points) {
        TRY(series, series_in(connection, file.path, all_times));
    } else {
        TRY(const auto devices, devices_in(connection, file.path));
        for (const std::string& device : devices) series.emplace_back().device = device;
    }
    return std::any_of(series.begin(), series.end(), [&](const FileSeries& one) {
        const auto spans = erase(one.device, one.signal);
        return std::any_of(spans.begin(), spans.end(), [&](const history::Span& span) {
            return span.from <= file.time_max && span.to >= file.time_min;
        });
    });
}

}  // namespace mw::segments
