#include "data/imports/plan.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>

#include "base/sql_text.h"
#include "data/imports/files.h"

namespace mw::imports {
namespace {

using Names = std::span<const std::string_view>;
constexpr std::array<std::string_view, 12> time_names{
    "time", "timestamp", "datetime",   "date", "ts",      "t",
    "zeit", "epoch",     "event_time", "unix", "time_ns", "time_ms"};
constexpr std::array<std::string_view, 8> device_names{"device", "device_id", "host",    "machine",
                                                       "asset",  "station",   "unit_id", "meter"};
constexpr std::array<std::string_view, 8> signal_names{
    "signal", "metric", "measurement", "tag", "channel", "variable", "sensor", "name"};
constexpr std::array<std::string_view, 5> value_names{"value", "val", "v", "reading", "wert"};

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

bool is_one_of(const std::string& name, Names names) {
    return std::ranges::find(names, lower(name)) != names.end();
}

bool is_text(const Column& column) { return column.type == "VARCHAR"; }
bool is_time(const Column& column) {
    return column.type.starts_with("TIMESTAMP") || column.type == "DATE";
}
bool is_whole(const Column& column) {
    static constexpr std::string_view types[] = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",
                                                 "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"};
    return std::ranges::find(types, column.type) != std::end(types);
}
bool is_number(const Column& column) {
    return is_whole(column) || column.type == "DOUBLE" || column.type == "FLOAT" ||
           column.type == "HUGEINT" || column.type.starts_with("DECIMAL");
}

// Gives roles one after the other; a column has one.
class Guess {
 public:
    Guess(Plan& plan, const Wishes& wishes, duckdb::Connection& connection)
        : plan_(plan), wishes_(wishes), connection_(connection) {}

    Result<> all() {
        for (const auto& name : wishes_.without) {
            TRY(Column * column, named(name, "--without"));
            column->says = "left out (--without)";
        }
        TRY_VOID(time());
        TRY_VOID(device());
        TRY_VOID(one_point_a_row());
        quality();
        signals();
        const bool any = plan_.find(Role::signal) || plan_.find(Role::value);
        if (any) return {};
        return Error{Errc::invalid_input,
                     "no column of '" + plan_.path + "' has numbers that could be a signal"};
    }

 private:
    Result<Column*> named(const std::string& name, const char* option) {
        for (Column& column : plan_.columns)
            if (column.name == name) return &column;
        std::string known;
        for (const Column& column : plan_.columns)
            known += (known.empty() ? "" : ", ") + column.name;
        return Error{Errc::invalid_input, std::string(option) + ": there is no column '" + name +
                                              "'; the file has " + known};
    }
    bool is_free(const Column& column) const {
        return column.role == Role::nothing && column.says.empty();
    }
    template <class Test>
    Column* first(Test test) {
        for (Column& column : plan_.columns)
            if (is_free(column) && test(column)) return &column;
        return nullptr;
    }

    Result<> time() {
        Column* found = nullptr;
        if (!wishes_.time_column.empty()) {
            TRY(found, named(wishes_.time_column, "--time"));
        } else {
            found = first(is_time);
            if (!found)
                found = first([](const Column& c) {
                    return (is_number(c) || is_text(c)) && is_one_of(c.name, time_names);
                });
        }
        if (!found)
            return Error{Errc::invalid_input, "no column of '" + plan_.path +
                                                  "' looks like a time. Next step: --time COLUMN"};
        found->role = Role::time;
        return read_time(*found);
    }

    Result<> read_time(Column& column) {
        const std::string name = sql_name(column.name);
        if (is_number(column)) return read_numbers(column);
        if (column.type == "TIMESTAMP WITH TIME ZONE") {
            plan_.time = "epoch_ns(" + name + ")";
            column.says = "each says its zone";
            return {};
        }
        if (!is_time(column) && !is_text(column))
            return Error{Errc::invalid_input, "column '" + column.name + "' is a " + column.type +
                                                  ", want a time. Next step: --time COLUMN"};
        const std::string moment = "CAST(" + name + " AS TIMESTAMP_NS)";
        column.says = "taken as " + wishes_.zone + " (--zone for another)";
        plan_.time = wishes_.zone == "UTC" ? "epoch_ns(" + moment + ")"
                                           : "epoch_ns(timezone(" + sql_text(wishes_.zone) +
                                                 ", CAST(" + name + " AS TIMESTAMP)))";
        return {};
    }

    // Seconds of today have ten digits, milliseconds thirteen, and so on.
    Result<> read_numbers(Column& column) {
        const std::string name = sql_name(column.name);
        std::string unit = wishes_.time_unit;
        if (unit.empty()) {
            TRY(const std::string most,
                connection_.text("SELECT CAST(coalesce(max(abs(" + name +
                                 ")), 0) AS VARCHAR) FROM " + plan_.source));
            const double largest = std::strtod(most.c_str(), nullptr);
            unit = largest < 1e11 ? "s" : largest < 1e14 ? "ms" : largest < 1e17 ? "us" : "ns";
        }
        static constexpr std::pair<std::string_view, std::string_view> units[] = {
            {"s", "1000000000"}, {"ms", "1000000"}, {"us", "1000"}, {"ns", "1"}};
        const auto found = std::ranges::find(units, unit, [](const auto& u) { return u.first; });
        if (found == std::end(units))
            return Error{Errc::invalid_input,
                         "--time-unit: want s, ms, us or ns, not '" + unit + "'"};
        column.says = unit + " since 1970 (--time-unit for another)";
        const std::string factor(found->second);
        plan_.time = is_whole(column)
                         ? "CAST(" + name + " AS BIGINT) * " + factor
                         : "CAST(round(" + name + " * (" + factor + " / 1000.0)) AS BIGINT) * 1000";
        return {};
    }

    Result<> device() {
        plan_.device = wishes_.device;
        if (!wishes_.device.empty() && wishes_.device_column.empty()) return {};
        Column* found = nullptr;
        if (!wishes_.device_column.empty()) {
            TRY(found, named(wishes_.device_column, "--device-column"));
        } else {
            found = first(
                [](const Column& c) { return is_text(c) && is_one_of(c.name, device_names); });
        }
        if (!found) return {};
        plan_.device.clear();
        found->role = Role::device;
        return {};
    }

    // A column with names and one with values: each row is a point.
    Result<> one_point_a_row() {
        Column *name = nullptr, *value = nullptr;
        if (!wishes_.name_column.empty()) {
            TRY(name, named(wishes_.name_column, "--signal-column"));
        } else {
            name = first(
                [](const Column& c) { return is_text(c) && is_one_of(c.name, signal_names); });
        }
        if (!wishes_.value_column.empty()) {
            TRY(value, named(wishes_.value_column, "--value-column"));
        } else {
            value = first([](const Column& c) {
                return (is_number(c) || c.type == "BOOLEAN") && is_one_of(c.name, value_names);
            });
        }
        const bool wished = !wishes_.name_column.empty() || !wishes_.value_column.empty();
        if (wished && (!name || !value))
            return Error{Errc::invalid_input,
                         "--signal-column and --value-column belong together: one names each row's "
                         "signal, the other has its value"};
        if (!name || !value) return {};
        name->role = Role::name;
        value->role = Role::value;
        Column* unit = first([](const Column& c) { return is_text(c) && lower(c.name) == "unit"; });
        if (unit) unit->role = Role::unit;
        return {};
    }

    void quality() {
        Column* found =
            first([](const Column& c) { return is_whole(c) && lower(c.name) == "quality"; });
        if (!found) return;
        found->role = Role::quality;
        found->says = "codes of docs/formats/quality.md";
    }

    void signals() {
        const bool each_row_says = plan_.find(Role::value) != nullptr;
        for (Column& column : plan_.columns) {
            if (!is_free(column)) continue;
            if (each_row_says)
                column.says = "not needed";
            else if (is_number(column) || column.type == "BOOLEAN")
                column.role = Role::signal;
            else
                column.says = "history keeps numbers";
        }
    }

    Plan& plan_;
    const Wishes& wishes_;
    duckdb::Connection& connection_;
};

}  // namespace

std::string_view to_string(Role role) {
    static constexpr std::string_view names[] = {"time", "device",  "signal's name", "value",
                                                 "unit", "quality", "signal",        "-"};
    return names[static_cast<std::size_t>(role)];
}

const Column* Plan::find(Role role) const {
    const auto found = std::ranges::find(columns, role, &Column::role);
    return found == columns.end() ? nullptr : &*found;
}

Result<Plan> plan_of(const std::string& path, const Wishes& wishes) {
    Plan plan;
    TRY(plan.path, full_path(path));
    const std::string extension = lower(std::filesystem::path(path).extension().string());
    plan.source =
        (extension == ".parquet" ? "read_parquet(" : "read_csv(") + sql_text(plan.path) + ")";
    TRY(auto database, open_beside(plan.path));
    TRY(auto connection, database.connect());
    TRY(auto rows, connection
                       .query("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " +
                              plan.source + ")")
                       .context("reading '" + path + "'"));
    duckdb::Chunk chunk;
    for (;;) {
        TRY(const bool more, rows.next(chunk));
        if (!more) break;
        for (std::size_t i = 0; i < chunk.size(); ++i)
            plan.columns.push_back({std::string(chunk.column(0).text(i)),
                                    std::string(chunk.column(1).text(i)), Role::nothing, ""});
    }
    TRY_VOID(Guess(plan, wishes, connection).all());
    return plan;
}

}  // namespace mw::imports
