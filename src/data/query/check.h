#pragma once
// The verdict on one parsed statement. Pure: the tree goes in, a tree with our own table names in
// place of the user's comes out, with one Reference per place where rows of ours are wanted. What
// is not on the allow-list is refused with line and column.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/query/tree.h"
#include "domain/query_engine.h"

namespace mw::query {

enum class Table {
    points,
    decisions,
    series,
    scorecard,
    labels,
    rollups,
    latest,
    quarantine,
    product
};

// What the WHERE above a reference says about its rows, as far as that is certain. Texts are exact;
// times are expressions without columns, to be evaluated by DuckDB.
struct Conditions {
    std::optional<std::vector<std::string>> devices;
    std::optional<std::vector<std::string>> signals;
    std::vector<Node> not_before;
    std::vector<Node> not_after;
};

struct Reference {
    Table table = Table::points;
    std::string name;      // as in the catalog of names: "points", or the product's
    std::string internal;  // the table name that stands in the tree now: "__mw_ref0"
    Conditions conditions;
};

struct Checked {
    Node tree;  // {"error":false,"statements":[...]}, for json_deserialize_sql
    std::vector<Reference> references;
};

// `tree` is what json_serialize_sql gave for `sql`; `products` are the names of data products,
// `parameters` the values of $1, $2, ...: each of them is used, and no other.
Result<Checked> check(Node tree, std::string_view sql, const std::vector<std::string>& products,
                      const QueryParameters& parameters = {});

// "line 2, column 5" of a byte offset, counted in characters from 1.
std::string place_in(std::string_view sql, std::size_t offset);

std::string lower_case(std::string_view text);  // ASCII, as DuckDB compares names

}  // namespace mw::query
