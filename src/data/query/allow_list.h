#pragma once
// What a statement may contain. Pure: a table of names and a walk over the tree that DuckDB's
// parser gives. Everything that is not named here is refused, with the place in the text.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mw::query {

struct FunctionGroup {
    std::string_view title;
    std::string_view names;  // separated by single spaces
};
// Scalar functions, aggregates, window functions and operators by subject, as docs/sql.md lists
// them.
std::span<const FunctionGroup> allowed_functions();
bool is_allowed_function(std::string_view lower_case_name);

// Tables that rows may come from, besides data products and WITH names.
inline constexpr std::string_view base_tables[] = {"points", "decisions", "series", "scorecard",
                                                   "labels", "rollups",   "latest", "quarantine"};
// Table functions: generate_series, range, unnest.
bool is_allowed_table_function(std::string_view lower_case_name);

}  // namespace mw::query
