#include "apps/ctl/csv.h"

namespace mw::ctl {

Error at_line(std::size_t line, std::string_view what) {
    return {Errc::invalid_input, "line " + std::to_string(line) + ": " + std::string(what)};
}

Result<std::vector<std::string>> csv_cells(std::string_view line, std::size_t number) {
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
            cells.back() += '"', ++i;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == ',' && !quoted) {
            cells.emplace_back();
        } else {
            cells.back() += c;
        }
    }
    if (quoted) return at_line(number, "a quote is not closed");
    return cells;
}

}  // namespace mw::ctl
