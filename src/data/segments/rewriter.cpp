#include "data/segments/rewriter.h"

#include <algorithm>
#include <filesystem>

#include "base/sql_text.h"
#include "data/segments/merge_rows.h"
#include "data/segments/rollup_rows.h"

namespace mw::segments {
namespace {

Result<duckdb::Database> open_for(const WriterOptions& options) {
    duckdb::Options database{.memory_bytes = options.memory_bytes, .threads = 1};
    database.directories.push_back(options.directory);
    return duckdb::Database::open(database);
}

}  // namespace

std::string copy_options(const std::string& format, std::size_t row_group) {
    // A dictionary of up to 2048 entries suits series, divisor and quality; times and values exceed
    // it and become deltas, half the size (store.md, section 2). Bloom filters come with
    // dictionaries: by them a query for one series skips row groups.
    return " (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd,"
           " DICTIONARY_SIZE_LIMIT 2048, USE_TMP_FILE false, ROW_GROUP_SIZE " +
           std::to_string(row_group) + ", KV_METADATA {format: '" + format +
           "', version: '1', writer: 'millwright'})";
}

std::size_t row_group_for(std::size_t devices) {
    constexpr std::size_t usual = 122'880;
    constexpr std::size_t largest = 983'040;
    return std::clamp(64 * devices, usual, largest);
}

Result<std::uint64_t> copy_rows(duckdb::Database& database, const std::string& path,
                                std::shared_ptr<const duckdb::TableSource> source,
                                const std::string& options) {
    TRY_VOID(database.add({.name = "mw_rows", .parameters = {}, .bind = [source](const auto&) {
                               return Result<std::shared_ptr<const duckdb::TableSource>>(source);
                           }}));
    TRY(auto connection, database.connect());
    TRY(auto rows, connection.query("COPY (FROM mw_rows()) TO " + sql_text(path) + options));
    duckdb::Chunk chunk;
    TRY(const bool any, rows.next(chunk));
    if (!any) return Error{Errc::io_failed, "COPY gave no count"};
    return static_cast<std::uint64_t>(chunk.column(0).data<std::int64_t>()[0]);
}

namespace {

constexpr history::Span all_times{history::time_lowest, history::time_highest};

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

Result<history::Merged> ParquetWriter::merge_points(const std::string& path,
                                                    const history::MergeOrder& order,
                                                    std::stop_token stop) {
    // Two instances: the one that writes is in the middle of a statement while the other reads.
    TRY(auto readers, open_for(options()));
    TRY(auto rows, MergeRows::open(readers, order));
    if (rows->rows_at_most() == 0) return history::Merged{};  // no names, so no enumerations either
    TRY(auto target, open_for(options()));
    std::optional<Error> failure;
    auto written = copy_rows(target, path, merge_source(*rows, std::move(stop), failure),
                             copy_options("millwright.points", row_group_for(rows->devices())));
    const history::Merged& merged = rows->merged();
    if (written && *written != merged.rows)
        written = Error{Errc::io_failed, "COPY wrote " + std::to_string(*written) + " of " +
                                             std::to_string(merged.rows) + " rows"};
    if (!written || merged.rows == 0) remove_quietly(path);
    if (!written) return std::move(failure ? *failure : written.error()).context("merge " + path);
    return merged;
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
                                sql_text(path) + copy_options("millwright.decisions", 122'880)));
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

Result<std::uint64_t> ParquetWriter::write_rollups(const std::string& path,
                                                   const std::string& points) {
    TRY(auto readers, open_for(options()));
    TRY(auto connection, readers.connect());
    TRY(auto series, series_in(connection, points, all_times));
    TRY(auto rows, FileRows::open(readers, points, all_times));
    TRY(auto target, open_for(options()));
    std::optional<Error> failure;
    auto written = copy_rows(target, path, rollup_source(std::move(series), rows, failure),
                             copy_options("millwright.rollups", 122'880));
    if (written) return written;
    remove_quietly(path);
    return std::move(failure ? *failure : written.error()).context("roll up " + points);
}

}  // namespace mw::segments
