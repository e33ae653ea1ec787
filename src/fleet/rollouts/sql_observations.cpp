#include "fleet/rollouts/sql_observations.h"

#include "base/sql_text.h"

namespace mw::rollouts {
namespace {

std::string_view expression_of(Metric metric) {
    switch (metric) {
        case Metric::latency_us_p99:
            return "quantile_cont(latency_us, 0.99)";
        case Metric::fallback_rate:
            return "avg(CASE WHEN coalesce(fallback, '') <> '' THEN 1.0 ELSE 0.0 END)";
        case Metric::input_bad_rate:
            return "avg(CASE WHEN inputs_quality < 64 THEN 1.0 ELSE 0.0 END)";
        default:
            return "avg(CASE WHEN decision THEN 1.0 ELSE 0.0 END)";
    }
}

}  // namespace

std::string sql_time(Timestamp time) {
    return "make_timestamp_ns(" + std::to_string(time.ns) + ")";
}

std::string sql_of(const Observations::Question& q) {
    return "SELECT device, " + std::string(expression_of(q.metric)) +
           " AS value, count(*) AS samples FROM decisions WHERE model = " + sql_text(q.model) +
           " AND time >= " + sql_time(q.from) + " AND time < " + sql_time(q.to) +
           " GROUP BY device ORDER BY device";
}

Result<std::vector<DeviceValue>> device_values(std::string_view reply, double sign) {
    TRY(const Json answer, parse_json(reply));
    const Json* rows = find(answer, "rows");
    if (!rows || !rows->is_array())
        return Error{Errc::corrupt, "the answer of a query has no rows"};
    std::vector<DeviceValue> values;
    values.reserve(rows->get_array().size());
    for (const Json& row : rows->get_array()) {
        const auto* cells = row.if_array();
        if (!cells || cells->size() < 3 || !(*cells)[0].is_string() || !(*cells)[1].is_number())
            continue;
        DeviceValue value;
        value.device = (*cells)[0].get_string().c_str();
        value.value = sign * (*cells)[1].to_number<double>();
        value.samples = (*cells)[2].is_number() ? (*cells)[2].to_number<std::uint64_t>() : 0;
        values.push_back(std::move(value));
    }
    return values;
}

Task<std::vector<DeviceValue>> SqlObservations::values(Question question) {
    if (question.metric == Metric::kpi) return ask_kpi(std::move(question));
    return ask(sql_of(question), 1);
}

Task<std::vector<DeviceValue>> SqlObservations::ask(std::string sql, double sign) {
    QueryRequest request;
    request.sql = std::move(sql);
    CO_TRY(const QueryReply reply, co_await engine_.query(std::move(request)));
    co_return device_values(reply.body, sign);
}

// A KPI that should grow is turned round: here a rise is always worse.
Task<std::vector<DeviceValue>> SqlObservations::ask_kpi(Question question) {
    CO_TRY(const Resource use_case, co_await store_.get("UseCase", question.use_case));
    const Json* kpis = find(use_case.spec, "kpis");
    const Json* wanted = nullptr;
    if (kpis && kpis->is_array())
        for (const Json& kpi : kpis->get_array())
            if (find_string(kpi, "name") == question.kpi) wanted = &kpi;
    if (!wanted)
        co_return Error{Errc::not_found,
                        "use case '" + question.use_case + "' has no KPI '" + question.kpi + "'"};
    const double sign = find_string(*wanted, "direction") == "increase" ? -1 : 1;
    std::string sql = "SELECT device, avg(value) AS value, count(*) AS samples FROM (" +
                      find_string(*wanted, "sql").value_or("") +
                      ") AS kpi WHERE day >= " + sql_time(question.from) + " AND day < " +
                      sql_time(question.to) + " GROUP BY device ORDER BY device";
    co_return co_await ask(std::move(sql), sign);
}

}  // namespace mw::rollouts
