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

std::string history_summary(const Json& figures) {
    std::string text = cell(figures, "series") + " series; in memory " +
                       cell(figures, "head.points") + " points, " + cell(figures, "head.bytes") +
                       " bytes\n";
    if (const auto replaced = find_number(figures, "replaced_files"); replaced && *replaced > 0)
        text += cell(figures, "replaced_files") + " replaced files wait for queries to end\n";
    return text;
}

}  // namespace mw::ctl
