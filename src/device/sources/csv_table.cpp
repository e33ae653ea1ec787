#include "device/sources/csv_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/number.h"

namespace mw::sources {
namespace {

std::string_view next_line(std::string_view& text) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

char separator_of(std::string_view header) {
    for (char c : {';', '\t', ','})
        if (header.find(c) != std::string_view::npos) return c;
    return ',';
}

std::string_view unquoted(std::string_view cell) {
    while (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
    while (!cell.empty() && cell.back() == ' ') cell.remove_suffix(1);
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"')
        cell = cell.substr(1, cell.size() - 2);
    return cell;
}

void split(std::string_view line, char separator, std::vector<std::string_view>& cells) {
    cells.clear();
    for (;;) {
        const auto end = line.find(separator);
        cells.push_back(unquoted(line.substr(0, end)));
        if (end == std::string_view::npos) return;
        line.remove_prefix(end + 1);
    }
}

Error at(std::size_t line, std::string_view column, std::string_view what) {
    return {Errc::invalid_input, "line " + std::to_string(line) + ", column '" +
                                     std::string(column) + "': " + std::string(what)};
}

Result<Timestamp> parse_time(std::string_view cell) {
    std::int64_t ns = 0;
    if (cell.size() > 6 && read_number(cell, ns)) return Timestamp{ns};
    return parse_iso8601(cell);
}

Result<double> parse_value(std::string_view cell) {
    if (cell.empty()) return std::numeric_limits<double>::quiet_NaN();
    double value = 0;
    if (!read_number(cell, value))
        return Error{Errc::invalid_input,
                     "not a number: '" + std::string(cell.substr(0, 40)) + "'"};
    return value;
}

// Which cells are read: the time's index, and those of the values.
struct Layout {
    std::size_t time = 0;
    std::vector<std::size_t> values;
    std::size_t cells = 0;
};

Result<Layout> plan(const std::vector<std::string_view>& header, const RecordingOptions& options,
                    RecordedTable& table) {
    if (header.size() > recording_columns_max)
        return Error{Errc::invalid_input, "more than 4096 columns in the header"};
    const auto find = [&](const std::string& name) -> Result<std::size_t> {
        const auto found = std::find(header.begin(), header.end(), name);
        if (found == header.end()) {
            std::string known;
            for (auto cell : header) known += (known.empty() ? "" : ", ") + std::string(cell);
            return Error{Errc::invalid_input, "no column '" + name + "'; there are: " + known};
        }
        return static_cast<std::size_t>(found - header.begin());
    };
    Layout layout;
    layout.cells = header.size();
    if (!options.time_column.empty()) {
        TRY(layout.time, find(options.time_column));
    }
    if (options.columns.empty()) {
        for (std::size_t i = 0; i < header.size(); ++i)
            if (i != layout.time) layout.values.push_back(i);
    }
    for (const auto& name : options.columns) {
        TRY(const std::size_t index, find(name));
        layout.values.push_back(index);
    }
    for (std::size_t i : layout.values) table.columns.emplace_back(header[i]);
    return layout;
}

}  // namespace

Result<RecordedTable> parse_csv(std::string_view text, const RecordingOptions& options) {
    const std::string_view header_line = next_line(text);
    const char separator = separator_of(header_line);
    std::vector<std::string_view> cells;
    split(header_line, separator, cells);
    RecordedTable table;
    const std::vector<std::string> names(cells.begin(), cells.end());
    TRY(const Layout layout, plan(cells, options, table));
    for (std::size_t number = 2; !text.empty(); ++number) {
        const std::string_view line = next_line(text);
        if (line.empty()) continue;
        split(line, separator, cells);
        if (cells.size() != layout.cells)
            return Error{Errc::invalid_input,
                         "line " + std::to_string(number) + " has " + std::to_string(cells.size()) +
                             " cells, the header has " + std::to_string(layout.cells)};
        auto time = parse_time(cells[layout.time]);
        if (!time) return at(number, names[layout.time], time.error().message);
        if (!table.times.empty() && *time < table.times.back())
            return at(number, names[layout.time], "time goes back");
        table.times.push_back(*time);
        for (std::size_t i : layout.values) {
            auto value = parse_value(cells[i]);
            if (!value) return at(number, names[i], value.error().message);
            table.values.push_back(*value);
        }
    }
    if (table.rows() == 0) return Error{Errc::invalid_input, "no rows after the header"};
    return table;
}

Result<RecordedTable> read_csv(const std::string& path, const RecordingOptions& options) {
    TRY(const std::string content, read_recording(path));
    return parse_csv(content, options).context("reading '" + path + "'");
}

}  // namespace mw::sources
