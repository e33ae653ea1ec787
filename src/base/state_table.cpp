#include "base/state_table.h"

namespace mw {

Result<std::string_view> StateTable::next(std::string_view from, std::string_view event) const {
    if (const Transition* row = find(from, event)) return row->to;
    std::string possible;
    for (const Transition& row : rows_)
        if (row.from == from) possible += (possible.empty() ? "" : ", ") + std::string(row.event);
    return Error{Errc::conflict,
                 std::string(name_) + ": '" + std::string(event) + "' is not possible in state '" +
                     std::string(from) + "'" +
                     (possible.empty() ? " (final)" : " (possible: " + possible + ")")};
}

std::string StateTable::to_markdown() const {
    std::string text = "| in | on | to | what happens |\n|---|---|---|---|\n";
    for (const Transition& row : rows_)
        text += "| " + std::string(row.from) + " | " + std::string(row.event) + " | " +
                std::string(row.to) + " | " + std::string(row.says) + " |\n";
    return text;
}

}  // namespace mw
