#include <filesystem>
#include <optional>

#include "base/sql_text.h"
#include "data/duckdb/duckdb.h"
#include "data/segments/segments.h"
#include "data/segments/series_files.h"
#include "data/segments/sources.h"

namespace mw::segments {

struct ParquetWriter::State {
    WriterOptions options;
    std::optional<duckdb::Database> database;
    std::optional<duckdb::Connection> connection;
    std::shared_ptr<const duckdb::TableSource> source;  // what mw_rows() gives
    files::RealFiles files;
    Compressor zstd;
};

ParquetWriter::ParquetWriter(WriterOptions options) : state_(std::make_unique<State>()) {
    state_->options = std::move(options);
}
ParquetWriter::~ParquetWriter() = default;

const WriterOptions& ParquetWriter::options() const { return state_->options; }

Result<> ParquetWriter::inside(const std::string& path) const {
    if (path.starts_with(files::join(options().directory, ""))) return {};
    return Error{Errc::denied, path + ": it is not in " + options().directory};
}

Result<history::PointRows> ParquetWriter::write_points(const history::PointPaths& paths,
                                                       history::SortedPoints& points) {
    TRY_VOID(inside(paths.points));
    TRY_VOID(inside(paths.rollups));
    return write_series_files(state_->files, paths, points, state_->zstd)
        .context("seal " + paths.points);
}

Result<std::uint64_t> ParquetWriter::write_decisions(
    const std::string& path, const std::vector<history::DecisionRow>& rows) {
    state_->source = decisions_source(rows);
    return copy(path, decisions_copy_options());
}

Result<> ParquetWriter::open() {
    if (state_->connection) return {};
    duckdb::Options options{.memory_bytes = state_->options.memory_bytes, .threads = 1};
    options.directories.push_back(state_->options.directory);
    TRY(auto database, duckdb::Database::open(options));
    State* state = state_.get();
    TRY_VOID(database.add({.name = "mw_rows", .parameters = {}, .bind = [state](const auto&) {
                               return Result<std::shared_ptr<const duckdb::TableSource>>(
                                   state->source);
                           }}));
    TRY(state_->connection, database.connect());
    state_->database = std::move(database);
    return {};
}

Result<std::uint64_t> ParquetWriter::copy(const std::string& path, const std::string& options) {
    TRY_VOID(open().context("seal " + path));
    const std::string sql = "COPY (FROM mw_rows()) TO " + sql_text(path) + options;
    auto written = [&]() -> Result<std::uint64_t> {
        TRY(auto rows, state_->connection->query(sql));
        duckdb::Chunk chunk;
        TRY(const bool any, rows.next(chunk));
        if (!any) return Error{Errc::io_failed, "COPY gave no count"};
        return static_cast<std::uint64_t>(chunk.column(0).data<std::int64_t>()[0]);
    }();
    state_->source.reset();
    if (!written) {
        std::error_code ignored;  // there may be nothing to remove
        std::filesystem::remove(path, ignored);
        return std::move(written).context("seal " + path);
    }
    return written;
}

namespace {

std::string read_parquet(const std::vector<std::string>& paths) {
    std::string sql = " FROM read_parquet([";
    for (const std::string& path : paths) {
        if (sql.back() != '[') sql += ",";
        sql += sql_text(path);
    }
    // The day folders are for people and tools; their name is no column.
    return sql + "], hive_partitioning = false)";
}

}  // namespace

std::string points_sql(const std::vector<std::string>& paths,
                       const std::vector<std::string>& boxed) {
    std::string sql;
    for (const auto* list : {&paths, &boxed}) {
        if (list->empty()) continue;
        if (!sql.empty()) sql += " UNION ALL ";
        const bool own = list == &boxed;
        sql += "SELECT series, device_id, \"time\", device, signal, coalesce(raw, m / d";
        sql += own ? ", whole::DOUBLE" : "";
        sql += ") AS \"value\", quality, unit, asset, site, ";
        sql += own ? "text, whole" : "NULL::VARCHAR AS text, NULL::BIGINT AS whole";
        sql += read_parquet(*list);
    }
    return sql;
}

std::string decisions_sql(const std::vector<std::string>& paths) {
    return "SELECT \"time\", device, asset, site, use_case, model, \"version\", bundle_hash, "
           "window_from, window_to, samples, inputs_quality, score, decision, fallback, "
           "latency_us" +
           read_parquet(paths);
}

std::string rollups_sql(const std::vector<std::string>& paths) {
    std::string sql = "SELECT series, device_id, \"time\", device, signal, \"count\", good";
    for (const std::string name : {"min", "max", "sum", "first", "last"})
        sql += ", coalesce(" + name + "_raw, " + name + "_m / d) AS \"" + name + "\"";
    return sql + ", first_time, last_time, unit, asset, site" + read_parquet(paths);
}

std::uint64_t device_id(std::string_view device) { return series_id(device, "").value; }

}  // namespace mw::segments
