#include "apps/ctl/history_text.h"

#include <cstdio>

namespace mw::ctl {
namespace {

std::string per_row(const Json& table) {
    const double rows = find_number(table, "rows").value_or(0);
    const double bytes = find_number(table, "bytes").value_or(0);
    if (rows == 0) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", bytes / rows);
    return text;
}

}  // namespace

Table history_tables(const Json& figures) {
    Table table{{"TABLE", "FILES", "COMPACTED", "ROWS", "BYTES", "BYTES/ROW", "FIRST", "LAST"}, {}};
    const Json* tables = find(figures, "tables");
    if (!tables || !tables->is_array()) return table;
    for (const Json& one : tables->get_array())
        table.rows.push_back({cell(one, "table"), cell(one, "files"), cell(one, "compacted_files"),
                              cell(one, "rows"), cell(one, "bytes"), per_row(one),
                              cell(one, "first"), cell(one, "last")});
    return table;
}

std::string verdict_text(const Json& report, std::size_t width) {
    std::string text = cell(report, "files") + " files, " + cell(report, "bytes") + " bytes: ";
    if (find_bool(report, "sound").value_or(false)) {
        text += "all as they were written\n";
    } else {
        Table table{{"DAMAGED", "WHY", "ROWS", "FIRST", "LAST", "DEVICES"}, {}};
        const auto list = [&](std::string_view key) {
            const Json* found = find(report, key);
            return found && found->is_array() ? found->get_array() : JsonArray{};
        };
        for (const Json& one : list("damaged"))
            table.rows.push_back({cell(one, "path"), cell(one, "why"), cell(one, "rows"),
                                  cell(one, "first"), cell(one, "last"),
                                  cell(one, "first_device") + " to " + cell(one, "last_device")});
        for (const Json& path : list("missing"))
            table.rows.push_back({cell(&path), "it was missing at start", "-", "-", "-", "-"});
        for (const Json& one : list("log_damage"))
            table.rows.push_back({cell(one, "path"),
                                  cell(one, "bytes") + " bytes at " + cell(one, "offset") +
                                      " rotted; found at start",
                                  "-", "-", "-", "-"});
        text += std::to_string(table.rows.size()) + " damaged\n" + render(table, width);
    }
    if (const auto old = find_number(report, "without_checksum"); old && *old > 0)
        text += cell(report, "without_checksum") +
                " files are from before checksums: only their size was compared\n";
    return text;
}

std::string history_summary(const Json& figures) {
    std::string text = cell(figures, "series") + " series; in memory " +
                       cell(figures, "head.points") + " points, " + cell(figures, "head.bytes") +
                       " bytes\n";
    if (const auto replaced = find_number(figures, "replaced_files"); replaced && *replaced > 0)
        text += cell(figures, "replaced_files") + " replaced files wait for queries to end\n";
    return text;
}

}  // namespace mw::ctl
