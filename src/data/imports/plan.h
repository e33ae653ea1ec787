#pragma once
// What a file's columns mean.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace mw::imports {

enum class Role : std::uint8_t {
    time,
    device,   // each row says of which device it is
    name,     // each row is one point: of this signal
    value,    // ... with this value
    unit,     // ... in this unit
    quality,  // of all points of the row (docs/formats/quality.md)
    signal,   // a signal of its own: its column's name, its values
    nothing,
};
std::string_view to_string(Role role);

struct Column {
    std::string name;
    std::string type;  // as DuckDB says it
    Role role = Role::nothing;
    std::string says;  // how it is read, or why it is not
};

// What the caller knows better than a guess; empty: guess.
struct Wishes {
    std::string device = {};  // of all rows
    std::string time_column = {};
    std::string device_column = {};
    std::string name_column = {};
    std::string value_column = {};
    std::string time_unit = {};             // s, ms, us, ns: of times that are numbers
    std::string zone = "UTC";               // of times that have none
    std::vector<std::string> without = {};  // columns that are left out
};

struct Plan {
    std::string path;
    std::string source;  // SQL that gives its rows
    std::string device;  // empty: a column says it
    std::vector<Column> columns;
    std::string time;  // SQL for ns since 1970

    const Column* find(Role role) const;
};

// invalid_input names the option that helps; not_found, io_failed: the file.
Result<Plan> plan_of(const std::string& path, const Wishes& wishes);

}  // namespace mw::imports
