#include "fleet/trials/evidence.h"

#include <algorithm>
#include <limits>

#include "base/sql_text.h"

namespace mw::trials {
namespace {

std::string period(const char* table, Timestamp from, Timestamp to) {
    const std::string column = std::string(table) + ".time";
    return column + " >= make_timestamp_ns(" + std::to_string(from.ns) + ") AND " + column +
           " < make_timestamp_ns(" + std::to_string(to.ns) + ")";
}

std::string joined(std::string_view model, Timestamp from, Timestamp to) {
    return " FROM decisions AS c JOIN decisions AS s ON c.device = s.device AND c.time = s.time" +
           std::string() + " WHERE c.model = " + sql_text(model) +
           " AND s.model = " + sql_text(std::string(model) + ".shadow") + " AND " +
           period("c", from, to) + " AND " + period("s", from, to);
}

double cell(const JsonArray& row, std::size_t i) {
    if (i >= row.size() || !row[i].is_number()) return std::numeric_limits<double>::quiet_NaN();
    return row[i].to_number<double>();
}

// Calls `visit` with the cells of each row that begins with a device.
template <class Visit>
Result<> each_row(std::string_view reply, std::size_t columns, Visit visit) {
    TRY(const Json answer, parse_json(reply));
    const Json* rows = find(answer, "rows");
    if (!rows || !rows->is_array())
        return Error{Errc::corrupt, "the answer of a query has no rows"};
    for (const Json& row : rows->get_array()) {
        const JsonArray* cells = row.if_array();
        if (cells && cells->size() >= columns && (*cells)[0].is_string())
            visit(std::string((*cells)[0].get_string()), *cells);
    }
    return {};
}

}  // namespace

std::string pairs_sql(std::string_view model, Timestamp from, Timestamp to) {
    return "SELECT c.device, count(*), "
           "avg(CASE WHEN c.decision = s.decision THEN 1.0 ELSE 0.0 END), "
           "avg(CASE WHEN c.decision THEN 1.0 ELSE 0.0 END), "
           "avg(CASE WHEN s.decision THEN 1.0 ELSE 0.0 END), corr(c.score, s.score), "
           "quantile_cont(c.latency_us, 0.99), quantile_cont(s.latency_us, 0.99)" +
           joined(model, from, to) + " GROUP BY c.device ORDER BY c.device";
}

std::string labels_sql(std::string_view model, Timestamp from, Timestamp to) {
    std::string sql = joined(model, from, to);
    const std::string on = " WHERE c.model";
    sql.insert(sql.find(on), " JOIN labels AS l ON l.device = c.device AND l.time = c.time");
    return "SELECT c.device, count(*), "
           "avg(CASE WHEN c.decision <> l.label THEN 1.0 ELSE 0.0 END), "
           "avg(CASE WHEN s.decision <> l.label THEN 1.0 ELSE 0.0 END)" +
           sql + " AND " + period("l", from, to) + " GROUP BY c.device ORDER BY c.device";
}

Result<std::vector<Pair>> pairs_of(std::string_view reply) {
    std::vector<Pair> pairs;
    TRY_VOID(each_row(reply, 8, [&](std::string device, const JsonArray& row) {
        Pair pair;
        pair.device = std::move(device);
        pair.windows = static_cast<std::uint64_t>(cell(row, 1));
        pair.agreement = cell(row, 2);
        pair.champion_alarms = cell(row, 3);
        pair.challenger_alarms = cell(row, 4);
        pair.correlation = cell(row, 5);
        pair.champion_latency_us_p99 = cell(row, 6);
        pair.challenger_latency_us_p99 = cell(row, 7);
        pairs.push_back(std::move(pair));
    }));
    return pairs;
}

Result<> add_labels(std::vector<Pair>& pairs, std::string_view reply) {
    return each_row(reply, 4, [&](const std::string& device, const JsonArray& row) {
        const auto pair = std::find_if(pairs.begin(), pairs.end(),
                                       [&](const Pair& p) { return p.device == device; });
        if (pair == pairs.end()) return;
        pair->labelled = static_cast<std::uint64_t>(cell(row, 1));
        pair->champion_wrong = cell(row, 2);
        pair->challenger_wrong = cell(row, 3);
    });
}

Task<std::vector<Pair>> SqlEvidence::pairs(std::string model, Timestamp from, Timestamp to) {
    QueryRequest request;
    request.sql = pairs_sql(model, from, to);
    CO_TRY(const QueryReply reply, co_await engine_.query(request));
    CO_TRY(std::vector<Pair> found, pairs_of(reply.body));
    request.sql = labels_sql(model, from, to);
    CO_TRY(const QueryReply labels, co_await engine_.query(request));
    CO_TRY_VOID(add_labels(found, labels.body));
    co_return found;
}

}  // namespace mw::trials
