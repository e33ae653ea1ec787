#include "data/imports/reader.h"

#include <filesystem>

#include "base/sql_text.h"
#include "data/imports/files.h"

namespace mw::imports {
namespace {

constexpr std::size_t points_at_once = 50'000;
constexpr std::size_t signals_of_a_batch = 1'000;
// The columns of rows_sql(); those of signals come behind.
enum Fixed : std::size_t { time, device, name, value, unit, quality, fixed_count };

std::string sql_of(const Plan& plan, Role role, const char* type) {
    const Column* column = plan.find(role);
    const std::string from = column ? sql_name(column->name) : "NULL";
    return "CAST(" + from + " AS " + type + ")";
}

std::string rows_sql(const Plan& plan) {
    const std::string device =
        plan.device.empty() ? sql_of(plan, Role::device, "VARCHAR") : sql_text(plan.device);
    std::string sql =
        "SELECT " + plan.time + ", " + device + ", " + sql_of(plan, Role::name, "VARCHAR") + ", " +
        sql_of(plan, Role::value, "DOUBLE") + ", " + sql_of(plan, Role::unit, "VARCHAR") + ", " +
        sql_of(plan, Role::quality, "UTINYINT");
    for (const Column& column : plan.columns)
        if (column.role == Role::signal) sql += ", CAST(" + sql_name(column.name) + " AS DOUBLE)";
    return sql + " FROM " + plan.source;
}

}  // namespace

Result<std::string> full_path(const std::string& path) {
    std::error_code error;
    const auto full = std::filesystem::canonical(path, error);
    if (error) return Error{Errc::not_found, "'" + path + "': " + error.message()};
    return full.string();
}

Result<duckdb::Database> open_beside(const std::string& full_path) {
    duckdb::Options options{.memory_bytes = std::size_t{512} << 20, .threads = 1};
    options.directories.push_back(std::filesystem::path(full_path).parent_path().string());
    return duckdb::Database::open(options);
}

Reader::Reader(Plan plan, duckdb::Database database, duckdb::Connection connection,
               duckdb::Rows rows)
    : plan_(std::move(plan)),
      database_(std::move(database)),
      connection_(std::move(connection)),
      source_(std::move(rows)) {
    for (const Column& column : plan_.columns)
        if (column.role == Role::signal) signals_.push_back(column.name);
}

Result<Reader> Reader::open(Plan plan) {
    if (plan.device.empty() && !plan.find(Role::device))
        return Error{
            Errc::invalid_input,
            "no column names the device. Next step: --device NAME, or --device-column COLUMN"};
    TRY(auto database, open_beside(plan.path));
    TRY(auto connection, database.connect());
    TRY(auto rows, connection.query(rows_sql(plan)).context("reading '" + plan.path + "'"));
    return Reader(std::move(plan), std::move(database), std::move(connection), std::move(rows));
}

Result<std::vector<Batch>> Reader::next() {
    while (points_ < points_at_once) {
        if (row_ < chunk_.size()) {
            take_row(chunk_, row_++);
            ++rows_;
            continue;
        }
        row_ = 0;
        auto more = source_.next(chunk_);
        if (!more)
            return std::move(more).error().context("after row " + std::to_string(rows_) + " of '" +
                                                   plan_.path + "'");
        if (!*more) {
            chunk_ = {};
            break;
        }
    }
    return batches();
}

void Reader::take_row(const duckdb::Chunk& chunk, std::size_t row) {
    const bool named = chunk.column(name).valid(row);
    const bool has_name = named || !plan_.find(Role::name);
    if (!chunk.column(time).valid(row) || !chunk.column(device).valid(row) || !has_name) {
        ++left_out_;
        return;
    }
    const Timestamp at{chunk.column(time).data<std::int64_t>()[row]};
    const Quality code = chunk.column(quality).valid(row)
                             ? Quality{chunk.column(quality).data<std::uint8_t>()[row]}
                             : Quality::good();
    Signals& signals = devices_[std::string(chunk.column(device).text(row))];
    const auto add = [&](const std::string& signal, const std::string& in, std::size_t column) {
        const auto cell = chunk.column(column);
        if (!cell.valid(row)) return;
        Rows& rows = signals[{signal, in}];
        rows.times.push_back(at);
        rows.values.push_back(cell.data<double>()[row]);
        rows.quality.push_back(code);
        ++points_;
    };
    if (named) {
        const auto in = chunk.column(unit);
        add(std::string(chunk.column(name).text(row)),
            in.valid(row) ? std::string(in.text(row)) : std::string(), value);
    }
    for (std::size_t i = 0; i < signals_.size(); ++i) add(signals_[i], "", fixed_count + i);
}

std::vector<Batch> Reader::batches() {
    std::vector<Batch> all;
    for (auto& [device, signals] : devices_) {
        std::size_t in_batch = signals_of_a_batch;
        for (auto& [key, rows] : signals) {
            if (in_batch == signals_of_a_batch) {
                all.emplace_back().device.text = device;
                all.back().replayed = true;
                in_batch = 0;
            }
            ++in_batch;
            Batch& batch = all.back();
            const auto begin = static_cast<std::uint32_t>(batch.size());
            batch.times.insert(batch.times.end(), rows.times.begin(), rows.times.end());
            batch.values.insert(batch.values.end(), rows.values.begin(), rows.values.end());
            batch.quality.insert(batch.quality.end(), rows.quality.begin(), rows.quality.end());
            batch.runs.push_back(
                {key.first, key.second, begin, static_cast<std::uint32_t>(batch.size())});
        }
    }
    devices_.clear();
    points_ = 0;
    return all;
}

}  // namespace mw::imports
