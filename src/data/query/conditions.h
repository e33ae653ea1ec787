#pragma once
// Bounds from WHERE clauses, and the one place where we mend a statement: comparing our
// TIMESTAMP_NS columns with now() and other times with zone, which DuckDB 1.4 refuses. Pure
// functions on trees.

#include <string>
#include <string_view>
#include <vector>

#include "data/query/check.h"

namespace mw::query {

// A table of a FROM clause to which conjuncts of the WHERE apply.
struct Bindable {
    std::string alias;  // lower case
    Conditions* conditions = nullptr;
};

// Adds what the top-level conjuncts of `where` say. With `unqualified`, bare column names count
// too: there must be only one table then.
void add_conditions(const Node& where, const std::vector<Bindable>& tables, bool unqualified,
                    const QueryParameters& parameters = {});

// n of $n; 0 where it isn't a number.
std::size_t parameter_number(const Node& parameter);

// Wraps operands that have a zone in CAST(... AS TIMESTAMP) where a comparison needs it; the
// session runs in UTC, so the instant stays the same. `expression` is one node of a statement.
void mend_zones(Node& expression);

}  // namespace mw::query
