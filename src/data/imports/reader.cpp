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
        if (row_ == chunk_.size()) {
            TRY(const bool more, next_chunk());
            if (!more) break;
            continue;
        }
        take_row(row_++);
        ++rows_;
    }
    return batches();
}

Result<bool> Reader::next_chunk() {
    row_ = 0;
    cells_.clear();
    auto more = source_.next(chunk_);
    if (!more)
        return std::move(more).error().context("after row " + std::to_string(rows_) + " of '" +
                                               plan_.path + "'");
    if (!*more) {
        chunk_ = {};
        return false;
    }
    for (std::size_t i = 0; i < fixed_count + signals_.size(); ++i)
        cells_.push_back(chunk_.column(i));
    return true;
}

void Reader::take_row(std::size_t row) {
    const bool named = cells_[name].valid(row);
    const bool has_name = named || !plan_.find(Role::name);
    if (!cells_[time].valid(row) || !cells_[device].valid(row) || !has_name) {
        ++left_out_;
        return;
    }
    const Timestamp at{cells_[time].data<std::int64_t>()[row]};
    const Quality code = cells_[quality].valid(row)
                             ? Quality{cells_[quality].data<std::uint8_t>()[row]}
                             : Quality::good();
    Device& of = device_of(cells_[device].text(row));
    const auto keep = [&](Rows& rows, const duckdb::Vector& cell) {
        rows.times.push_back(at);
        rows.values.push_back(cell.data<double>()[row]);
        rows.quality.push_back(code);
        ++points_;
    };
    if (named && cells_[value].valid(row)) {
        const auto& in = cells_[unit];
        const std::string unit_text = in.valid(row) ? std::string(in.text(row)) : std::string();
        keep(of.by_name[{std::string(cells_[name].text(row)), unit_text}], cells_[value]);
    }
    for (std::size_t i = 0; i < signals_.size(); ++i)
        if (cells_[fixed_count + i].valid(row)) keep(of.columns[i], cells_[fixed_count + i]);
}

// Most often that of the row before.
Reader::Device& Reader::device_of(std::string_view name) {
    if (latest_ && latest_->first == name) return latest_->second;
    auto found = devices_.find(name);
    if (found == devices_.end()) {
        found = devices_.emplace(name, Device{}).first;
        found->second.columns.resize(signals_.size());
    }
    latest_ = &*found;
    return found->second;
}

std::vector<Batch> Reader::batches() {
    std::vector<Batch> all;
    for (const auto& [device, of] : devices_) {
        for (std::size_t i = 0; i < signals_.size(); ++i)
            add(all, device, signals_[i], "", of.columns[i]);
        for (const auto& [key, rows] : of.by_name) add(all, device, key.first, key.second, rows);
    }
    devices_.clear();
    latest_ = nullptr;
    points_ = 0;
    return all;
}

void Reader::add(std::vector<Batch>& all, const std::string& device, const std::string& signal,
                 const std::string& unit, const Rows& rows) {
    if (rows.times.empty()) return;
    const bool another = all.empty() || all.back().device.text != device ||
                         all.back().runs.size() == signals_of_a_batch;
    if (another) {
        all.emplace_back().device.text = device;
        all.back().replayed = true;
    }
    Batch& batch = all.back();
    const auto begin = static_cast<std::uint32_t>(batch.size());
    batch.times.insert(batch.times.end(), rows.times.begin(), rows.times.end());
    batch.values.insert(batch.values.end(), rows.values.begin(), rows.values.end());
    batch.quality.insert(batch.quality.end(), rows.quality.begin(), rows.quality.end());
    batch.runs.push_back({signal, unit, begin, static_cast<std::uint32_t>(batch.size())});
}

}  // namespace mw::imports
