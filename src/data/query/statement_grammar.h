#pragma once
// Statements for tests and fuzzing: any bytes become SQL over our tables, mostly of what is
// allowed, with attempts at other things in between. What it writes has one answer whatever order
// rows come in: sums are of quarters, and a LIMIT has a full order.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mw::query {

class Statements {
 public:
    // `folder` holds the file secret.csv.
    Statements(std::span<const std::uint8_t> bytes, std::string folder)
        : bytes_(bytes), folder_(std::move(folder)) {}

    std::string next() {
        depth_ = subqueries_ = 0;
        ctes_.clear();
        std::string sql;
        if (chance(5)) {
            const std::string first = select();
            sql = "WITH c AS " + std::string(chance(2) ? "MATERIALIZED " : "") + "(" + first + ") ";
            ctes_.push_back("c");
        }
        sql += select();
        static constexpr std::array unions{" UNION ALL ", " UNION ", " EXCEPT ", " INTERSECT "};
        if (chance(4)) sql += pick(unions) + select();
        if (chance(3)) {
            sql = "SELECT * FROM (" + sql + ") ORDER BY ALL LIMIT " + std::to_string(below(9));
            if (sql.find("(WITH") != std::string::npos && chance(2)) sql += " OFFSET 2";
        }
        return sql;
    }
    bool exhausted() const { return at_ >= bytes_.size(); }

 private:
    struct Relation {
        std::string alias;
        std::vector<std::string> texts, numbers;
    };
    using Relations = std::vector<Relation>;
    // Expressions of expressions grow fast: DuckDB writes the inner ones into the outer ones, and
    // plans subqueries of subqueries for minutes.
    static constexpr int levels_max = 2;
    // Whether a subquery may stand here, one in a statement.
    bool subquery() { return subqueries_++ == 0; }

    std::size_t below(std::size_t count) {
        const std::uint8_t byte = at_ < bytes_.size() ? bytes_[at_] : 0;
        ++at_;
        return byte % count;
    }
    bool chance(std::size_t one_in) { return below(one_in) == 1; }
    template <class List>
    std::string pick(const List& list) {
        return std::string(list[below(list.size())]);
    }

    // ---- relations

    std::string alias() { return "t" + std::to_string(aliases_++ % 1000); }

    std::string table(Relations& out) {
        static constexpr std::array points{"points", "points", "pumps", "\"all-of-it\"", "PUMPS"};
        Relation relation{alias(), {}, {}};
        std::string sql;
        switch (below(11)) {
            case 9:
                relation.texts = {"device", "signal", "time::VARCHAR"};
                relation.numbers = {"count::INT", "min", "max", "\"sum\""};
                sql = "rollups";
                break;
            case 10:
                relation.texts = {"device", "signal", "unit"};
                relation.numbers = {"value", "quality::INT"};
                sql = "latest";
                break;
            case 0:
                relation.texts = {"device", "signal", "unit", "site"};
                relation.numbers = {"(series % 1000)"};
                sql = "series";
                break;
            case 1:
                relation.texts = {"device", "signal"};
                relation.numbers = {"points::INT", "bad::INT"};
                sql = "scorecard";
                break;
            case 2:
                relation.texts = {"device", "model"};
                relation.numbers = {"score", "samples"};
                sql = "decisions";
                break;
            case 3:
                relation.texts = {"device", "author", "task"};
                relation.numbers = {"score", "propensity"};
                sql = "labels";
                break;
            default:
                relation.texts = {"device", "signal", "unit", "time::VARCHAR"};
                relation.numbers = {"value", "value", "quality::INT", "epoch(time)::BIGINT % 100"};
                sql = pick(points);
        }
        if (!ctes_.empty() && chance(3)) {
            relation.texts = {"s"};
            relation.numbers = {"n"};
            sql = "c";
        }
        out.push_back(relation);
        return sql + " " + relation.alias;
    }

    std::string forbidden() {
        const std::string file = "'" + folder_ + "/secret.csv'";
        const std::string history = "'" + folder_ + "/history/**'";
        const std::array hostile{"read_csv(" + file + ")",
                                 "read_text(" + file + ")",
                                 file,
                                 "glob(" + history + ")",
                                 std::string("\"") + folder_ + "/secret.csv\"",
                                 std::string("duckdb_tables()"),
                                 std::string("duckdb_columns()"),
                                 std::string("information_schema.tables"),
                                 std::string("main.points"),
                                 std::string("memory.main.points"),
                                 std::string("vaults"),
                                 std::string("ghost"),
                                 std::string("__mw_ref0"),
                                 std::string("__mw_rows(slot := 0)"),
                                 "read_parquet('" + folder_ + "/history/**/*.parquet')",
                                 std::string("pragma_table_info('points')"),
                                 std::string("sqlite_master"),
                                 std::string("query('SELECT 1')"),
                                 std::string("query_table('points')")};
        return pick(hostile);
    }

    std::string derived(Relations& out) {
        Relation relation{alias(), {"s"}, {"n"}};
        const std::string inner = select();
        out.push_back(relation);
        return "(" + inner + ") " + relation.alias;
    }

    std::string relation(Relations& out) {
        if (chance(25)) {
            const std::string sql = forbidden() + " x";
            out.push_back({"x", {"device"}, {"value"}});
            return sql;
        }
        return depth_ < 2 && chance(4) ? derived(out) : table(out);
    }

    std::string from(Relations& out) {
        std::string sql = relation(out);
        if (depth_ >= 2 || !chance(3)) return sql;
        static constexpr std::array joins{" JOIN ", " LEFT JOIN ", " FULL JOIN ", " SEMI JOIN ",
                                          " ANTI JOIN "};
        const Relation left = out.back();
        const std::string join = pick(joins);
        const std::string right = relation(out);
        sql += join + right + " ON " + qualified(left, left.texts[0]) + " = " +
               qualified(out.back(), out.back().texts[0]);
        if (join == " SEMI JOIN " || join == " ANTI JOIN ") out.pop_back();
        return sql;
    }

    // ---- expressions

    static std::string qualified(const Relation& relation, const std::string& column) {
        // "points::INT" and "(series % 1000)" have the name inside.
        const auto begin = column.find_first_not_of('(');
        if (column.starts_with("epoch(")) return "epoch(" + relation.alias + "." + column.substr(6);
        return column.substr(0, begin) + relation.alias + "." + column.substr(begin);
    }
    std::string column(const Relations& all, bool text) {
        const Relation& relation = all[below(all.size())];
        return qualified(relation, pick(text ? relation.texts : relation.numbers));
    }

    std::string text(const Relations& all) {
        if (++level_ > levels_max) return level_--, column(all, true);
        std::string sql;
        switch (below(12)) {
            case 1:
                sql = "upper(" + text(all) + ")";
                break;
            case 2:
                sql = "substr(" + text(all) + ", " + std::to_string(1 + below(9)) + ", 1)";
                break;
            case 3:
                sql = "md5(" + text(all) + ")";
                break;
            case 4:
                sql = "CASE WHEN " + condition(all) + " THEN " + text(all) + " ELSE 'x' END";
                break;
            case 5:
                sql = "concat_ws('/', " + text(all) + ", " + text(all) + ")";
                break;
            case 6:
                sql = "'gw-" + std::to_string(below(4)) + "'";
                break;
            case 7:
                if (!subquery()) return level_--, column(all, true);
                sql = "(SELECT min(z.device) FROM points z WHERE z.signal = " + text(all) + ")";
                break;
            case 8:
                sql = "(" + number(all) + ")::VARCHAR";
                break;
            default:
                sql = column(all, true);
        }
        return level_--, sql;
    }

    std::string number(const Relations& all) {
        if (++level_ > levels_max) return level_--, column(all, false);
        std::string sql;
        switch (below(16)) {
            case 1:
                sql = "(" + number(all) + " + " + number(all) + ")";
                break;
            case 2:
                sql = "(" + number(all) + " - " + std::to_string(below(200)) + ")";
                break;
            case 3:
                sql = "length(" + text(all) + ")";
                break;
            case 4:
                sql = "CAST(" + text(all) + " AS INTEGER)";
                break;
            case 5:
                sql = "TRY_CAST(" + text(all) + " AS INTEGER)";
                break;
            case 6:
                sql = "(" + number(all) + " // (" + number(all) + " - 7777.25))::BIGINT";
                break;
            case 7:
                sql = "CAST(sqrt(" + number(all) + ") AS INTEGER)";
                break;
            case 8:
                sql = "CAST(" + number(all) + " * 1000 AS TINYINT)";
                break;
            case 9:
                if (!subquery()) return level_--, column(all, false);
                sql = "(SELECT count(*) FROM points z WHERE z.value > " + number(all) + ")";
                break;
            case 10:
                sql = "CASE WHEN " + condition(all) + " THEN " + number(all) + " ELSE 0 END";
                break;
            case 11:
                sql = "coalesce(" + number(all) + ", -1)";
                break;
            case 12:
                sql = std::to_string(below(256)) + ".25";
                break;
            default:
                sql = column(all, false);
        }
        return level_--, sql;
    }

    std::string condition(const Relations& all) {
        static constexpr std::array signs{" = ", " <> ", " < ", " > ", " <= ", " >= "};
        if (++level_ > levels_max) return level_--, column(all, false) + " > 0";
        std::string sql;
        switch (below(11)) {
            case 1:
                sql = "(" + condition(all) + " AND " + condition(all) + ")";
                break;
            case 2:
                sql = "(" + condition(all) + " OR " + condition(all) + ")";
                break;
            case 3:
                sql = "NOT (" + condition(all) + ")";
                break;
            case 4:
                sql = text(all) + " LIKE '%" + std::string(1, char('A' + below(26))) + "%'";
                break;
            case 5:
                if (!subquery()) return level_--, column(all, false) + " > 1";
                sql = text(all) + " IN (SELECT z.device FROM points z WHERE z.value > " +
                      std::to_string(below(200) * 40) + ")";
                break;
            case 6:
                if (!subquery()) return level_--, column(all, false) + " < 1";
                sql = "EXISTS (SELECT 1 FROM points z WHERE z.device = " + text(all) +
                      " AND z.value = " + number(all) + ")";
                break;
            case 7:
                sql = text(all) + " IS NULL";
                break;
            case 8:
                sql = text(all) + " = " + text(all);
                break;
            case 9:
                sql = number(all) + " BETWEEN " + number(all) + " AND " + number(all);
                break;
            default:
                sql = number(all) + pick(signs) + number(all);
        }
        return level_--, sql;
    }

    // ---- a SELECT with the columns s and n

    std::string select() {
        static constexpr std::array aggregates{"count(*)",
                                               "sum(#)",
                                               "min(#)",
                                               "max(#)",
                                               "count(DISTINCT #)",
                                               "count(#)",
                                               "round(avg(#))",
                                               "median(#)",
                                               "mode(#)",
                                               "arg_max(#, #)",
                                               "quantile_disc(#, 0.5)"};
        static constexpr std::array windows{"row_number() OVER (ORDER BY @, #)",
                                            "count(*) OVER (PARTITION BY @)",
                                            "max(#) OVER ()",
                                            "lag(#) OVER (ORDER BY #, @)",
                                            "sum(#) OVER (PARTITION BY @)",
                                            "rank() OVER (ORDER BY #)"};
        ++depth_;
        Relations all;
        const std::string tables = from(all);
        const std::string where = chance(2) ? " WHERE " + condition(all) : "";
        std::string s = text(all), n = number(all), tail;
        const std::size_t shape = below(6);
        if (shape == 1 || shape == 2) {
            // mode() and arg_max() depend on order where rows are equal in #.
            const std::string chosen = pick(aggregates);
            const bool tied = chosen.starts_with("mode") || chosen.starts_with("arg_max");
            n = filled(tied ? "max(#)" : chosen, s, n);
            tail = " GROUP BY ALL";
            if (shape == 2) s = "'all'";
            if (chance(4)) tail += " HAVING count(*) > " + std::to_string(below(70));
        } else if (shape == 3) {
            n = filled(pick(windows), s, n);
        }
        --depth_;
        return "SELECT " + std::string(shape == 4 ? "DISTINCT " : "") + s + " AS s, " + n +
               " AS n FROM " + tables + where + tail;
    }

    static std::string filled(const std::string& shape, const std::string& s,
                              const std::string& n) {
        std::string sql;
        for (const char c : shape) sql += c == '#' ? n : c == '@' ? s : std::string(1, c);
        return sql;
    }

    std::span<const std::uint8_t> bytes_;
    std::string folder_;
    std::size_t at_ = 0;
    int depth_ = 0, level_ = 0, subqueries_ = 0;
    std::size_t aliases_ = 0;
    std::vector<std::string> ctes_;
};

}  // namespace mw::query
