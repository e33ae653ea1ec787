#include "data/query/rollup_plan.h"

#include <algorithm>
#include <limits>

namespace mw::query {
namespace {

constexpr std::int64_t minute_ns = 60'000'000'000;

constexpr const char* table_columns =
    "\"time\", device, signal, \"count\", good, \"min\", \"max\", \"sum\", \"first\", first_time, "
    "\"last\", last_time, unit, asset, site";

std::int64_t minute_number(Timestamp time) {
    return time.ns / minute_ns - (time.ns % minute_ns < 0 ? 1 : 0);
}

// Rows of all of them; the files in one scan.
std::string joined(const std::vector<const PartialMinutes*>& partials, const std::string& where,
                   const FromRollups& from_rollups) {
    std::vector<std::string> files;
    std::string sql;
    auto add = [&sql](const std::string& rows, const std::string& condition) {
        if (!sql.empty()) sql += " UNION ALL ";
        sql += "SELECT series, " + std::string(table_columns) + " FROM (" + rows + ")" + condition;
    };
    for (const PartialMinutes* partial : partials) {
        if (partial->file.empty())
            add(partial->sql, "");
        else
            files.push_back(partial->file);
    }
    if (!files.empty()) add(from_rollups(files), where.empty() ? "" : " WHERE " + where);
    return sql;
}

std::string merged_minutes(const std::string& partials) {
    return "SELECT \"time\", any_value(device) AS device, any_value(signal) AS signal, "
           "sum(\"count\")::UBIGINT AS \"count\", sum(good)::UBIGINT AS good, "
           "min(\"min\") AS \"min\", max(\"max\") AS \"max\", sum(\"sum\") AS \"sum\", "
           "arg_min(\"first\", first_time) AS \"first\", min(first_time) AS first_time, "
           "arg_max(\"last\", last_time) AS \"last\", max(last_time) AS last_time, "
           "any_value(unit) AS unit, any_value(asset) AS asset, any_value(site) AS site FROM (" +
           partials + ") GROUP BY series, \"time\"";
}

}  // namespace

// The same rules as in data/segments: values are those of good points, and texts have none.
std::string minutes_of_rows(const std::string& from, const std::string& where) {
    const std::string ok = " FILTER (WHERE quality >= 192 AND NOT isnan(\"value\"))";
    return "SELECT series, any_value(device_id) AS device_id, "
           "make_timestamp_ns(minute * 60000000000) AS \"time\", any_value(device) AS device, "
           "any_value(signal) AS signal, count(*)::UBIGINT AS \"count\", (count(*)" +
           ok + ")::UBIGINT AS good, min(\"value\")" + ok + " AS \"min\", max(\"value\")" + ok +
           " AS \"max\", sum(\"value\")" + ok + " AS \"sum\", arg_min(\"value\", \"time\")" + ok +
           " AS \"first\", min(\"time\")" + ok + " AS first_time, arg_max(\"value\", \"time\")" +
           ok + " AS \"last\", max(\"time\")" + ok +
           " AS last_time, any_value(unit) AS unit, any_value(asset) AS asset, "
           "any_value(site) AS site FROM (SELECT r.*, "
           // Of integers // rounds towards zero.
           "epoch_ns(\"time\") // 60000000000 - (epoch_ns(\"time\") % 60000000000 < 0)::BIGINT "
           "AS minute FROM " +
           from + " WHERE r.\"value\" IS NOT NULL" + (where.empty() ? "" : " AND " + where) +
           ") GROUP BY series, minute";
}

std::string whole_minutes(std::vector<PartialMinutes> partials, const std::string& where,
                          const FromRollups& from_rollups) {
    std::sort(partials.begin(), partials.end(),
              [](const auto& a, const auto& b) { return a.from < b.from; });
    std::vector<const PartialMinutes*> alone, sharing;
    for (std::size_t begin = 0; begin < partials.size();) {
        std::int64_t last = minute_number(partials[begin].to);
        std::size_t end = begin + 1;
        for (; end < partials.size() && minute_number(partials[end].from) <= last; ++end)
            last = std::max(last, minute_number(partials[end].to));
        auto& list = end == begin + 1 ? alone : sharing;
        for (; begin < end; ++begin) list.push_back(&partials[begin]);
    }
    std::string sql;
    if (!alone.empty())
        sql = "SELECT " + std::string(table_columns) + " FROM (" +
              joined(alone, where, from_rollups) + ")";
    if (!sharing.empty())
        sql += (sql.empty() ? "" : " UNION ALL ") +
               merged_minutes(joined(sharing, where, from_rollups));
    return sql.empty() ? no_minutes() : sql;
}

std::string no_minutes() {
    return "SELECT NULL::TIMESTAMP_NS AS \"time\", NULL::VARCHAR AS device, "
           "NULL::VARCHAR AS signal, NULL::UBIGINT AS \"count\", NULL::UBIGINT AS good, "
           "NULL::DOUBLE AS \"min\", NULL::DOUBLE AS \"max\", NULL::DOUBLE AS \"sum\", "
           "NULL::DOUBLE AS \"first\", NULL::TIMESTAMP_NS AS first_time, "
           "NULL::DOUBLE AS \"last\", NULL::TIMESTAMP_NS AS last_time, NULL::VARCHAR AS unit, "
           "NULL::VARCHAR AS asset, NULL::VARCHAR AS site WHERE false";
}

Timestamp end_of_minute(Timestamp time) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    return {time.ns > most - minute_ns ? most : time.ns + minute_ns - 1};
}

}  // namespace mw::query
