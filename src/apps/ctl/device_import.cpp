#include "apps/ctl/device_import.h"

#include <map>

#include "apps/ctl/csv.h"
#include "base/schema.h"

namespace mw::ctl {
namespace {

enum class ColumnKind { name, domain, label, spec };
struct DeviceColumn {
    ColumnKind kind;
    std::string key;
};

Result<DeviceColumn> column_from(const std::string& text) {
    if (text == "name") return DeviceColumn{ColumnKind::name, ""};
    if (text == "domain") return DeviceColumn{ColumnKind::domain, ""};
    if (text == "profile" || text == "asset" || text == "parent")
        return DeviceColumn{ColumnKind::spec, text};
    if (text.starts_with("label:") && text.size() > 6)
        return DeviceColumn{ColumnKind::label, text.substr(6)};
    if (text.starts_with("spec.") && text.size() > 5)
        return DeviceColumn{ColumnKind::spec, text.substr(5)};
    const auto near = nearest_word(text, {"name", "domain", "profile", "asset", "parent"});
    return Error{Errc::invalid_input,
                 "line 1: there is no column '" + text.substr(0, 60) + "'" +
                     (near.empty() ? "" : ", did you mean '" + near + "'?") +
                     " (want name, domain, profile, asset, parent, label:KEY, spec.PATH)"};
}

// A number, a boolean and a text in quotes are what they look like; the rest is text.
Json value_of(const std::string& cell) {
    if (cell.starts_with('"'))
        if (auto text = parse_json(cell); text && text->is_string()) return *text;
    if (cell == "true" || cell == "false") return Json(cell == "true");
    const bool looks = !cell.empty() && cell.find_first_not_of("0123456789.-") == cell.npos;
    if (looks)
        if (auto number = parse_json(cell); number && number->is_number()) return *number;
    return Json(cell);
}

void fill_device_row(DeviceRow& row, const std::vector<DeviceColumn>& columns,
                     const std::vector<std::string>& cells, const std::string& domain) {
    JsonObject labels;
    Json device = JsonObject{{"row", row.line}, {"spec", JsonObject{}}};
    if (!domain.empty()) set(device, "domain", Json(domain));
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (cells[i].empty()) continue;
        const DeviceColumn& column = columns[i];
        if (column.kind == ColumnKind::name) row.name = cells[i];
        if (column.kind == ColumnKind::domain) set(device, "domain", Json(cells[i]));
        if (column.kind == ColumnKind::label) labels[column.key] = cells[i];
        if (column.kind != ColumnKind::spec) continue;
        const bool word =
            column.key.find('.') == column.key.npos &&
            (column.key == "profile" || column.key == "asset" || column.key == "parent");
        set(device, "spec." + column.key, word ? Json(cells[i]) : value_of(cells[i]));
    }
    set(device, "name", Json(row.name));
    device.get_object()["labels"] = std::move(labels);
    row.device = std::move(device);
    if (row.name.empty()) row.why = "name: it is empty";
}

std::string_view next_csv_line(std::string_view& rest) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

Result<std::vector<DeviceRow>> device_rows(std::string_view csv, const std::string& domain) {
    if (csv.starts_with("\xef\xbb\xbf")) csv.remove_prefix(3);  // as spreadsheets write
    std::size_t number = 1;
    TRY(const auto header, csv_cells(next_csv_line(csv), number));
    std::vector<DeviceColumn> columns;
    bool named = false;
    for (const auto& text : header) {
        TRY(auto column, column_from(text));
        named = named || column.kind == ColumnKind::name;
        columns.push_back(std::move(column));
    }
    if (!named) return Error{Errc::invalid_input, "line 1: want a column 'name'"};
    std::vector<DeviceRow> rows;
    std::map<std::string, std::size_t> seen;
    while (!csv.empty()) {
        const auto line = next_csv_line(csv);
        ++number;
        if (line.empty()) continue;
        DeviceRow row;
        row.line = number;
        const auto cells = csv_cells(line, number);
        if (!cells)
            row.why = cells.error().message;
        else if (cells->size() != columns.size())
            row.why = "it has " + std::to_string(cells->size()) + " cells; the header has " +
                      std::to_string(columns.size());
        else
            fill_device_row(row, columns, *cells, domain);
        if (row.why.empty())
            if (const auto [first, fresh] = seen.try_emplace(row.name, number); !fresh)
                row.why = "name: line " + std::to_string(first->second) + " has it already";
        rows.push_back(std::move(row));
    }
    if (rows.empty()) return Error{Errc::invalid_input, "no line follows the header"};
    return rows;
}

}  // namespace mw::ctl
