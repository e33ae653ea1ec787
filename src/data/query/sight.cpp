#include "data/query/sight.h"

#include <algorithm>

#include "base/sql_text.h"
#include "data/query/plan.h"

namespace mw::query {
namespace {

// DuckDB moves neither filters nor expressions of the statement below a LIMIT, so none of them is
// ever computed for a row that the actor may not see: an error or a fraction can't tell of it.
constexpr const char* barrier = " LIMIT 1000000000000000";

// By which columns rows belong to somebody. No value: nobody has said yet, so only who sees
// everything may read the table.
struct RowRule {
    bool by_signal = false;
    bool has_time = false;
    bool has_values = false;
    bool hides_masked = false;  // what has a mask is not there at all: no value stands for it
};
std::optional<RowRule> rule_of(Table table) {
    switch (table) {
        case Table::points:
        case Table::product:
            return RowRule{.by_signal = true, .has_time = true, .has_values = true};
        case Table::series:
        case Table::scorecard:
            return RowRule{.by_signal = true};
        case Table::rollups:
        case Table::latest:
        case Table::quarantine:
            return RowRule{.by_signal = true, .has_time = true, .hides_masked = true};
        case Table::decisions:
        case Table::labels:
            return RowRule{.has_time = true};
        default:
            return std::nullopt;
    }
}

std::string is_in(const char* column, const Names& names) {
    if (names.empty()) return "false";
    std::string sql = column;
    for (const std::string& name : names)
        sql += (&name == &names.front() ? " IN (" : ", ") + sql_text(name);
    return sql + ")";
}

std::string all_of(const std::vector<std::string>& terms) {
    std::string sql;
    for (const std::string& term : terms) sql += (sql.empty() ? "" : " AND ") + term;
    return sql.empty() ? "true" : sql;
}

std::string any_of_terms(const std::vector<std::string>& terms) {
    std::string sql;
    for (const std::string& term : terms) sql += (sql.empty() ? "(" : " OR ") + term;
    return sql.empty() ? "false" : sql + ")";
}

// Whether a row belongs to the set. What has no signal (a decision, a label) comes of a device as a
// whole: it belongs to sets of all signals only.
std::string belongs(const SeriesSet& set, const RowRule& rule) {
    if (!rule.by_signal && set.signals) return "false";
    std::vector<std::string> terms;
    if (set.devices) terms.push_back(is_in("device", *set.devices));
    if (set.signals)
        terms.push_back((set.other_signals ? "NOT " : "") + is_in("signal", *set.signals));
    return terms.empty() ? "true" : "(" + all_of(terms) + ")";
}

std::string visible(const Sight& sight, const RowRule& rule) {
    std::vector<std::string> terms;
    if (sight.only) {
        std::vector<std::string> any;
        for (const SeriesSet& set : *sight.only) any.push_back(belongs(set, rule));
        terms.push_back(any_of_terms(any));
    }
    for (const SeriesSet& set : sight.never) terms.push_back("NOT " + belongs(set, rule));
    if (rule.hides_masked)
        for (const Masking& mask : sight.masks) terms.push_back("NOT " + belongs(mask.of, rule));
    return all_of(terms);
}

std::string instant(Timestamp time) { return "make_timestamp_ns(" + std::to_string(time.ns) + ")"; }

// The statement's own bounds again, since they can't pass the barrier: they decide what is read.
void add_bounds(std::vector<std::string>& terms, const Wanted& wanted, const RowRule& rule) {
    if (wanted.devices) terms.push_back(is_in("device", *wanted.devices));
    if (wanted.signals && rule.by_signal) terms.push_back(is_in("signal", *wanted.signals));
    if (!rule.has_time) return;
    if (wanted.from > history::time_lowest) terms.push_back("\"time\" >= " + instant(wanted.from));
    if (wanted.to < history::time_highest) terms.push_back("\"time\" <= " + instant(wanted.to));
}

Timestamp begin_of(Timestamp time, nanoseconds over) {
    const std::int64_t rest = time.ns % over.count();
    return Timestamp{time.ns - (rest < 0 ? rest + over.count() : rest)};
}

// One row for each stretch of time that lies within the bounds as a whole and is over. A stretch
// with one point would show that point.
std::string averages(const Wanted& wanted, const std::string& rows, std::vector<std::string> terms,
                     nanoseconds over, Timestamp now) {
    const std::string length = std::to_string(over.count());
    Timestamp end = begin_of(now, over);
    if (wanted.to < history::time_highest) end = std::min(end, begin_of(wanted.to, over));
    terms.push_back("\"time\" < " + instant(end));
    if (wanted.from > history::time_lowest) {
        const Timestamp begin = begin_of(wanted.from, over);
        terms.push_back("\"time\" >= " + instant(begin == wanted.from ? begin : begin + over));
    }
    return "SELECT make_timestamp_ns(stretch * " + length +
           ") AS \"time\", device, signal, CASE WHEN count(\"value\") > 1 THEN avg(\"value\") END "
           "AS \"value\", min(quality) AS quality, unit, asset, site, NULL::VARCHAR AS text, "
           "NULL::BIGINT AS \"integer\" FROM (SELECT *, "
           "(epoch_ns(\"time\") - (epoch_ns(\"time\") % " +
           length + " + " + length + ") % " + length + ") // " + length + " AS stretch FROM (" +
           rows + ") WHERE " + all_of(terms) +
           ") GROUP BY stretch, device, signal, unit, asset, site";
}

std::string masked(const Wanted& wanted, const std::string& rows, std::vector<std::string> terms,
                   const RowRule& rule, Timestamp now) {
    std::string hidden;  // which rows show NULL
    std::vector<std::pair<nanoseconds, std::vector<std::string>>> coarse;
    std::vector<std::string> stronger, shown = terms;
    for (const Masking& mask : wanted.sight->masks) {
        const std::string of = belongs(mask.of, rule);
        if (mask.over.count() == 0) {
            hidden += (hidden.empty() ? "" : " OR ") + of;
        } else {
            auto these = terms;
            these.push_back(of);
            for (const std::string& before : stronger) these.push_back("NOT " + before);
            coarse.emplace_back(mask.over, std::move(these));
            shown.push_back(hidden.empty() ? "NOT " + of : "(NOT " + of + " OR " + hidden + ")");
        }
        stronger.push_back(of);
    }
    const auto shown_as = [&hidden](const std::string& column) {
        if (hidden.empty()) return column;
        return "CASE WHEN " + hidden + " THEN NULL ELSE " + column + " END AS " + column;
    };
    std::string sql = "SELECT \"time\", device, signal, " + shown_as("\"value\"") +
                      ", quality, unit, asset, site, " + shown_as("text") + ", " +
                      shown_as("\"integer\"") + " FROM (" + rows + ") WHERE " + all_of(shown);
    for (auto& [over, these] : coarse)
        sql +=
            " UNION ALL SELECT \"time\", device, signal, \"value\", quality, unit, asset, site, "
            "text, \"integer\" FROM (" +
            averages(wanted, rows, std::move(these), over, now) + ")";
    return sql;
}

}  // namespace

Result<> check_sight(const Sight& sight, Table table, const std::string& name) {
    if (table == Table::product) {
        const auto closed = sight.closed_products.find(name);
        if (closed != sight.closed_products.end()) return Error{Errc::denied, closed->second};
    }
    if (sight.sees_all_rows() || rule_of(table)) return {};
    return Error{Errc::denied,
                 "table " + name + " is only for those who may read all of history; take points"};
}

void widen_for_masks(Wanted& wanted) {
    const auto rule = rule_of(wanted.table);
    if (!wanted.sight || !rule || !rule->has_values) return;
    const Timestamp from = wanted.from, to = wanted.to;
    for (const Masking& mask : wanted.sight->masks) {
        if (mask.over.count() == 0) continue;
        constexpr std::int64_t room = std::int64_t{1} << 61;  // far from the ends of time
        if (from.ns > -room) wanted.from = std::min(wanted.from, begin_of(from, mask.over));
        if (to.ns < room) wanted.to = std::max(wanted.to, begin_of(to, mask.over) + mask.over);
    }
}

std::string seen(const Wanted& wanted, const std::string& rows, Timestamp now) {
    const Sight& sight = *wanted.sight;
    const auto rule = rule_of(wanted.table);
    if (sight.sees_all_rows()) return rows;
    // check_sight() has refused a table without a rule; nothing is what it would show.
    if (!rule) return "SELECT * FROM (" + rows + ") WHERE false";
    std::vector<std::string> terms{visible(sight, *rule)};
    add_bounds(terms, wanted, *rule);
    if (rule->has_values && !sight.masks.empty())
        return "SELECT * FROM (" + masked(wanted, rows, std::move(terms), *rule, now) + ")" +
               barrier;
    return "SELECT * FROM (SELECT * FROM (" + rows + ") WHERE " + all_of(terms) + ")" + barrier;
}

}  // namespace mw::query
