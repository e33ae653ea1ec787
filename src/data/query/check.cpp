#include "data/query/check.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "data/query/allow_list.h"
#include "data/query/conditions.h"

namespace mw::query {
namespace {

constexpr std::string_view internal_prefix = "__mw_ref";
constexpr int expression_depth_max = 200;
constexpr int selects_max = 64;

template <std::size_t n>
bool any_of(const std::array<std::string_view, n>& set, std::string_view value) {
    return std::find(set.begin(), set.end(), value) != set.end();
}

constexpr std::array<std::string_view, 17> expression_classes{
    "CONSTANT", "COLUMN_REF", "COMPARISON", "CONJUNCTION",
    "FUNCTION", "OPERATOR",   "CAST",       "CASE",
    "BETWEEN",  "STAR",       "SUBQUERY",   "WINDOW",
    "LAMBDA",   "LAMBDA_REF", "COLLATE",    "POSITIONAL_REFERENCE",
    "PARAMETER"};
constexpr std::array<std::string_view, 17> plain_types{"SUBQUERY",        "JOIN",
                                                       "EXPRESSION_LIST", "EMPTY",
                                                       "LIMIT_MODIFIER",  "LIMIT_PERCENT_MODIFIER",
                                                       "ORDER_MODIFIER",  "DISTINCT_MODIFIER",
                                                       "ORDER_DEFAULT",   "ASCENDING",
                                                       "DESCENDING",      "DECIMAL_TYPE_INFO",
                                                       "LIST_TYPE_INFO",  "STRUCT_TYPE_INFO",
                                                       "ARRAY_TYPE_INFO", "ENUM_TYPE_INFO",
                                                       "STRING_TYPE_INFO"};
constexpr std::array<std::string_view, 30> value_types{
    "NULL",         "\"NULL\"",     "SQLNULL",
    "BOOLEAN",      "TINYINT",      "SMALLINT",
    "INTEGER",      "BIGINT",       "UTINYINT",
    "USMALLINT",    "UINTEGER",     "UBIGINT",
    "HUGEINT",      "UHUGEINT",     "FLOAT",
    "DOUBLE",       "DECIMAL",      "VARCHAR",
    "CHAR",         "BLOB",         "DATE",
    "TIME",         "TIMESTAMP",    "TIMESTAMP_S",
    "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
    "INTERVAL",     "UUID",         "LIST"};
constexpr std::array<std::string_view, 6> more_value_types{
    "STRUCT", "ARRAY", "MAP", "ENUM", "INTEGER_LITERAL", "STRING_LITERAL"};
// Bare names that DuckDB turns into calls when no column has them.
constexpr std::array<std::string_view, 6> session_names{
    "current_catalog", "current_role", "current_schema", "current_user", "session_user", "user"};

struct Scope {
    const Scope* outer = nullptr;
    std::vector<std::string> names;  // of WITH, lower case
    bool has(std::string_view name) const {
        for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
            if (std::find(scope->names.begin(), scope->names.end(), name) != scope->names.end()) {
                return true;
            }
        }
        return false;
    }
};

class Checker {
 public:
    Checker(std::string_view sql, const std::vector<std::string>& products,
            const QueryParameters& parameters)
        : sql_(sql),
          products_(products),
          parameters_(parameters),
          used_(parameters.size(), false) {}

    Result<> visit(Node& node, const Scope& scope) {
        if (node.kind == Node::Kind::list) return visit_items(node, scope);
        if (node.kind != Node::Kind::object) return {};
        const Here here(*this, node);
        if (depth_ > expression_depth_max) return refuse("this nests too deeply");
        if (node.find("class") != nullptr) return expression(node, scope);
        const Node* type = node.find("type");
        if (node.find("id") != nullptr) return value_type(node, scope);
        if (type == nullptr || type->kind != Node::Kind::text) return visit_items(node, scope);
        if (type->text == "CTE_NODE") return inline_with(node, scope);
        if (type->text == "SELECT_NODE" || type->text == "SET_OPERATION_NODE") {
            return query_node(node, scope);
        }
        if (type->text == "BASE_TABLE") return base_table(node, scope);
        if (type->text == "TABLE_FUNCTION") return table_function(node, scope);
        if (any_of(plain_types, type->text)) return visit_items(node, scope);
        return refuse(refused_type(type->text));
    }

    std::vector<Reference> take_references() { return std::move(references_); }
    // A value that nobody asks for is a mistake of the caller.
    Result<> all_used() const {
        const auto unused = std::find(used_.begin(), used_.end(), false);
        if (unused == used_.end()) return {};
        return Error{Errc::invalid_input,
                     "parameters: " + std::to_string(used_.size()) + " given, and there is no $" +
                         std::to_string(unused - used_.begin() + 1) + " in the statement"};
    }

 private:
    // Remembers the innermost place in the text while a node is visited.
    class Here {
     public:
        Here(Checker& checker, const Node& node) : checker_(checker), before_(checker.offset_) {
            ++checker_.depth_;
            const Node* at = node.find("query_location");
            if (at == nullptr || at->kind != Node::Kind::number) return;
            std::uint64_t offset = 0;
            const auto [end, error] =
                std::from_chars(at->text.data(), at->text.data() + at->text.size(), offset);
            // 2^64 - 1 stands for unknown.
            if (error == std::errc() && offset < checker_.sql_.size()) checker_.offset_ = offset;
        }
        ~Here() {
            --checker_.depth_;
            checker_.offset_ = before_;
        }

     private:
        Checker& checker_;
        std::size_t before_;
    };

    Error refuse(std::string_view what) const {
        return Error{Errc::invalid_input, place_in(sql_, offset_) + ": " + std::string(what)};
    }

    static std::string refused_type(std::string_view type) {
        if (type == "RECURSIVE_CTE_NODE") return "WITH RECURSIVE is not allowed: it has no bound";
        if (type == "SHOW_REF") {
            return "SHOW, DESCRIBE and SUMMARIZE are not allowed; try SELECT * FROM points LIMIT 1";
        }
        if (type == "PIVOT") {
            return "PIVOT is not allowed; try max(value) FILTER (WHERE signal = 'x') AS x";
        }
        return std::string(type) + " is not allowed; only SELECT over the tables of docs/sql.md is";
    }

    Result<> visit_items(Node& node, const Scope& scope) {
        for (Node& item : node.items) TRY_VOID(visit(item, scope));
        return {};
    }

    Result<> query_node(Node& node, const Scope& outer) {
        if (++selects_ > selects_max) return refuse("at most 64 SELECTs in a statement");
        Scope scope{&outer, {}};
        TRY_VOID(with_clause(node, scope));
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            if (node.keys[i] != "cte_map") TRY_VOID(visit(node.items[i], scope));
        }
        bind_conditions(node);
        return {};
    }

    Result<> with_clause(Node& node, Scope& scope) {
        Node* map = node.find("cte_map");
        Node* entries = map != nullptr ? map->find("map") : nullptr;
        if (entries == nullptr) return {};
        for (Node& entry : entries->items) {
            const std::string name = lower_case(entry.text_at("key"));
            if (name.starts_with("__mw") || table_of(name).has_value()) {
                return refuse("WITH " + name + " would hide a table of that name; pick another");
            }
            TRY_VOID(visit_items(entry, scope));  // sees the ones before it, not itself
            scope.names.push_back(name);
        }
        return {};
    }

    // DuckDB repeats WITH ... AS MATERIALIZED around the statement that has it in its own cte_map
    // too.
    Result<> inline_with(Node& node, const Scope& scope) {
        Node* child = node.find("child");
        if (child == nullptr) return refuse("WITH without a statement");
        Node inner = std::move(*child);
        node = std::move(inner);
        return visit(node, scope);
    }

    // Conjuncts of a WHERE bound the tables of the same FROM.
    void bind_conditions(Node& select) {
        const Node* where = select.find("where_clause");
        const Node* from = select.find("from_table");
        if (where == nullptr || from == nullptr) return;
        std::vector<Bindable> tables;
        collect(*from, tables);
        add_conditions(*where, tables, from->text_at("type") == "BASE_TABLE", parameters_);
    }

    // Also below outer joins: a conjunct that is true for a row is false for one filled with NULLs,
    // so dropping rows early changes nothing. An ASOF join looks for the nearest row on its right
    // side, a positional join counts rows: there it would.
    void collect(const Node& from, std::vector<Bindable>& tables) {
        const std::string_view type = from.text_at("type");
        if (type == "JOIN") {
            const std::string_view kind = from.text_at("ref_type");
            const Node* left = from.find("left");
            const Node* right = from.find("right");
            if (left == nullptr || right == nullptr || kind == "POSITIONAL") return;
            collect(*left, tables);
            if (kind == "REGULAR" || kind == "CROSS" || kind == "NATURAL") collect(*right, tables);
            return;
        }
        const std::string_view name = from.text_at("table_name");
        if (type != "BASE_TABLE" || !name.starts_with(internal_prefix)) return;
        const Node* sample = from.find("sample");
        const Node* renamed = from.find("column_name_alias");
        if ((sample != nullptr && !sample->is_null()) ||
            (renamed != nullptr && !renamed->items.empty())) {
            return;
        }
        for (Reference& reference : references_) {
            if (reference.internal != name) continue;
            tables.push_back({lower_case(from.text_at("alias")), &reference.conditions});
        }
    }

    std::optional<Table> table_of(std::string_view lower_name) const {
        constexpr Table tables[] = {Table::points,    Table::decisions, Table::series,
                                    Table::scorecard, Table::labels,    Table::rollups,
                                    Table::latest,    Table::quarantine};
        for (std::size_t i = 0; i < std::size(base_tables); ++i) {
            if (base_tables[i] == lower_name) return tables[i];
        }
        for (const std::string& product : products_) {
            if (lower_case(product) == lower_name) return Table::product;
        }
        return std::nullopt;
    }

    Result<> base_table(Node& node, const Scope& scope) {
        const std::string written(node.text_at("table_name"));
        const std::string name = lower_case(written);
        const Node* at = node.find("at_clause");
        if (at != nullptr && !at->is_null()) return refuse("AT (...) is not allowed");
        if (!node.text_at("schema_name").empty() || !node.text_at("catalog_name").empty()) {
            return refuse("name tables without a schema; there is " + known_tables());
        }
        if (const auto table = table_of(name)) {
            Reference reference;
            reference.table = *table;
            reference.name = canonical(name);
            reference.internal = std::string(internal_prefix) + std::to_string(references_.size());
            node.set("table_name", Node::of_text(reference.internal));
            if (node.text_at("alias").empty()) node.set("alias", Node::of_text(written));
            references_.push_back(std::move(reference));
        } else if (!scope.has(name)) {
            return refuse("there is no table '" + written + "'; there is " + known_tables());
        }
        return visit_items(node, scope);
    }

    std::string canonical(const std::string& lower_name) const {
        for (const std::string& product : products_) {
            if (lower_case(product) == lower_name) return product;
        }
        return lower_name;
    }

    std::string known_tables() const {
        std::string list;
        for (const std::string_view table : base_tables) {
            if (!list.empty()) list += ", ";
            list += table;
        }
        constexpr std::size_t shown = 8;
        for (std::size_t i = 0; i < products_.size() && i < shown; ++i) list += ", " + products_[i];
        if (products_.size() > shown) list += ", and more data products";
        return list;
    }

    Result<> table_function(Node& node, const Scope& scope) {
        Node* function = node.find("function");
        const std::string name =
            function != nullptr ? lower_case(function->text_at("function_name")) : "";
        if (!is_allowed_table_function(name)) {
            return refuse("table function " + name +
                          "() is not allowed; generate_series, range and unnest are");
        }
        in_table_function_ = true;
        return visit_items(node, scope);
    }

    Result<> value_type(Node& node, const Scope& scope) {
        const std::string_view id = node.text_at("id");
        if (!any_of(value_types, id) && !any_of(more_value_types, id)) {
            const Node* info = node.find("type_info");
            const std::string_view named =
                info != nullptr ? info->text_at("user_type_name") : std::string_view();
            return refuse("type " + std::string(named.empty() ? id : named) + " is not allowed");
        }
        return visit_items(node, scope);
    }

    Result<> expression(Node& node, const Scope& scope) {
        const std::string_view kind = node.text_at("class");
        if (kind == "PARAMETER") TRY_VOID(parameter(node));
        if (!any_of(expression_classes, kind)) {
            return refuse(std::string(kind) + " expressions are not allowed");
        }
        const bool table_function = std::exchange(in_table_function_, false);
        if (kind == "FUNCTION" || kind == "WINDOW") {
            if (kind == "FUNCTION" && !table_function) name_by_time(node);
            TRY_VOID(function_call(node, kind == "WINDOW", table_function));
        }
        if (kind == "COLUMN_REF") TRY_VOID(column(node));
        TRY_VOID(visit_items(node, scope));
        mend_zones(node);
        return {};
    }

    Result<> parameter(const Node& node) {
        const std::size_t number = parameter_number(node);
        if (number == 0) return refuse("parameters are $1, $2, ... with numbers");
        if (number > parameters_.size()) {
            return refuse("there is no value for $" + std::to_string(number) + "; " +
                          std::to_string(parameters_.size()) + " parameters are given");
        }
        used_[number - 1] = true;
        return {};
    }

    Result<> column(const Node& node) {
        const Node* names = node.find("column_names");
        if (names == nullptr || names->items.size() != 1) return {};
        const std::string name = lower_case(names->items[0].text);
        if (any_of(session_names, name)) return refuse(name + " is not allowed");
        return {};
    }

    // last(value, time) and first(value, time), as other time series databases have them.
    static void name_by_time(Node& node) {
        const std::string name = lower_case(node.text_at("function_name"));
        const Node* arguments = node.find("children");
        if (arguments == nullptr || arguments->items.size() != 2) return;
        if (name == "last") node.set("function_name", Node::of_text("arg_max"));
        if (name == "first") node.set("function_name", Node::of_text("arg_min"));
    }

    Result<> function_call(const Node& node, bool window, bool in_from) {
        const std::string name = lower_case(node.text_at("function_name"));
        const std::string_view schema = node.text_at("schema");
        if ((!schema.empty() && schema != "main") || !node.text_at("catalog").empty()) {
            return refuse("call functions without a schema");
        }
        if (in_from ? !is_allowed_table_function(name) : !is_allowed_function(name)) {
            return refuse((window ? "window function " : "function ") + name +
                          "() is not allowed; docs/sql.md lists those that are");
        }
        if (in_from) return {};
        if (name == "lpad" || name == "rpad") return limited_integer(node, name, 1, 1000);
        if (name == "format" || name == "printf") return plain_format(node, name);
        if (name == "range" || name == "generate_series") return limited_range(node, name);
        return {};
    }

    static const Node* constant(const Node& call, std::size_t argument) {
        const Node* arguments = call.find("children");
        if (arguments == nullptr || argument >= arguments->items.size()) return nullptr;
        const Node& child = arguments->items[argument];
        if (child.text_at("class") != "CONSTANT") return nullptr;
        const Node* value = child.find("value");
        return value != nullptr ? value->find("value") : nullptr;
    }

    static std::optional<long long> integer(const Node& call, std::size_t argument) {
        const Node* value = constant(call, argument);
        if (value == nullptr || value->kind != Node::Kind::number) return std::nullopt;
        long long number = 0;
        const auto [end, error] =
            std::from_chars(value->text.data(), value->text.data() + value->text.size(), number);
        if (error != std::errc() || *end != '\0') return std::nullopt;
        return number;
    }

    // Memory that one call takes must be visible in the statement: DuckDB's limit counts it late.
    Result<> limited_integer(const Node& call, const std::string& name, std::size_t argument,
                             long long most) {
        const auto number = integer(call, argument);
        if (number && *number <= most) return {};
        return refuse(name + "() wants a constant length of at most " + std::to_string(most));
    }

    Result<> plain_format(const Node& call, const std::string& name) {
        const Node* value = constant(call, 0);
        const char* wanted = "() wants a constant format with widths below 1000";
        if (value == nullptr || value->kind != Node::Kind::text) return refuse(name + wanted);
        int digits = 0;
        bool nested = false;
        for (const char c : value->text) {
            digits = c >= '0' && c <= '9' ? digits + 1 : 0;
            if (digits > 3 || c == '*' || (c == '{' && nested)) return refuse(name + wanted);
            if (c == '{') nested = true;
            if (c == '}') nested = false;
        }
        return {};
    }

    Result<> limited_range(const Node& call, const std::string& name) {
        constexpr long long most = 1'000'000;
        const Node* arguments = call.find("children");
        const std::size_t count = arguments != nullptr ? arguments->items.size() : 0;
        for (std::size_t i = 0; i < count; ++i) {
            const auto number = integer(call, i);
            if (!number || *number > most || *number < -most) {
                return refuse(name +
                              "() as a list wants constants up to 1000000; for times use it "
                              "in FROM");
            }
        }
        return {};
    }

    std::string_view sql_;
    const std::vector<std::string>& products_;
    const QueryParameters& parameters_;
    std::vector<bool> used_;  // by $number - 1
    std::vector<Reference> references_;
    std::size_t offset_ = 0;
    int depth_ = 0;
    int selects_ = 0;
    bool in_table_function_ = false;
};

Result<> parse_failure(const Node& tree, std::string_view sql) {
    std::string message(tree.text_at("error_message"));
    if (message.starts_with("Only SELECT")) {
        return Error{Errc::invalid_input, "only SELECT statements are allowed, and no PIVOT"};
    }
    std::size_t characters = 0;  // unlike query_location, which counts bytes
    const std::string_view position = tree.text_at("position");
    std::from_chars(position.data(), position.data() + position.size(), characters);
    if (position.empty()) return Error{Errc::invalid_input, std::move(message)};
    std::size_t offset = 0;
    for (; offset < sql.size(); ++offset) {
        const bool begins = (static_cast<unsigned char>(sql[offset]) & 0xc0) != 0x80;
        if (begins && characters-- == 0) break;
    }
    return Error{Errc::invalid_input, place_in(sql, offset) + ": " + message};
}

}  // namespace

Result<Checked> check(Node tree, std::string_view sql, const std::vector<std::string>& products,
                      const QueryParameters& parameters) {
    const Node* failed = tree.find("error");
    if (failed == nullptr || failed->is_true()) {
        TRY_VOID(parse_failure(tree, sql));
    }
    Node* statements = tree.find("statements");
    if (statements == nullptr || statements->kind != Node::Kind::list ||
        statements->items.size() != 1) {
        return Error{Errc::invalid_input, "want exactly one SELECT statement"};
    }
    Node* node = statements->items[0].find("node");
    const std::string_view type = node != nullptr ? node->text_at("type") : std::string_view();
    if (type != "SELECT_NODE" && type != "SET_OPERATION_NODE" && type != "CTE_NODE") {
        return Error{Errc::invalid_input, "want a SELECT statement"};
    }
    Checker checker(sql, products, parameters);
    TRY_VOID(checker.visit(statements->items[0], Scope{}));
    TRY_VOID(checker.all_used());
    return Checked{std::move(tree), checker.take_references()};
}

std::string place_in(std::string_view sql, std::size_t offset) {
    std::size_t line = 1;
    std::size_t column = 1;
    for (const char c : sql.substr(0, std::min(offset, sql.size()))) {
        if (c == '\n') {
            ++line;
            column = 1;
        } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {  // not inside a character
            ++column;
        }
    }
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    }
    return lower;
}

}  // namespace mw::query
