#include "fleet/alarm_desk/decision_rows.h"

namespace mw::alarm_desk {
namespace {

// The order of columns in decisions_sql().
enum Column {
    to,
    from,
    device,
    asset,
    use_case,
    model,
    version,
    bundle,
    samples,
    quality,
    score,
    decision,
    fallback,
    latency,
    columns
};

std::string quoted(std::string_view text) {
    std::string out = "'";
    for (char c : text) {
        if (c == '\'') out += c;
        out += c;
    }
    return out + "'";
}

std::string text_of_cell(const Json& cell) {
    return cell.is_string() ? std::string(cell.get_string()) : std::string();
}

double number_of_cell(const Json& cell) { return cell.is_number() ? cell.to_number<double>() : 0; }

std::int64_t integer_of_cell(const Json& cell) {
    if (cell.is_int64()) return cell.get_int64();
    if (cell.is_uint64()) return static_cast<std::int64_t>(cell.get_uint64());
    return 0;
}

Decision decision_of(const JsonArray& row) {
    Decision d;
    d.window_to = {integer_of_cell(row[to])};
    d.window_from = {integer_of_cell(row[from])};
    d.device.text = text_of_cell(row[device]);
    d.asset = text_of_cell(row[asset]);
    d.use_case = text_of_cell(row[use_case]);
    d.model = text_of_cell(row[model]);
    d.version = text_of_cell(row[version]);
    d.bundle_hash = text_of_cell(row[bundle]);
    d.samples = static_cast<std::uint32_t>(integer_of_cell(row[samples]));
    d.inputs_quality = Quality{static_cast<std::uint8_t>(integer_of_cell(row[quality]))};
    d.score = number_of_cell(row[score]);
    d.decision = row[decision].is_bool() && row[decision].get_bool();
    d.fallback = text_of_cell(row[fallback]);
    d.latency_us = number_of_cell(row[latency]);
    return d;
}

}  // namespace

std::string decisions_sql(const DecisionRange& range) {
    std::string sql =
        "SELECT epoch_ns(window_to), epoch_ns(window_from), device, asset, use_case, model, "
        "version, bundle_hash, samples, inputs_quality, score, decision, fallback, latency_us "
        "FROM decisions WHERE device = " +
        quoted(range.device);
    if (!range.model.empty()) sql += " AND model = " + quoted(range.model);
    if (range.after.ns != 0)
        sql += " AND time > make_timestamp_ns(" + std::to_string(range.after.ns) + ")";
    if (range.through.ns != 0)
        sql += " AND time <= make_timestamp_ns(" + std::to_string(range.through.ns) + ")";
    return sql + " ORDER BY time LIMIT " + std::to_string(range.limit);
}

Result<std::vector<Decision>> decisions_from_reply(const Json& reply) {
    const Json* rows = find(reply, "rows");
    if (!rows || !rows->is_array()) return Error{Errc::corrupt, "the reply has no rows"};
    std::vector<Decision> decisions;
    for (const Json& row : rows->get_array()) {
        if (!row.is_array() || row.get_array().size() != columns)
            return Error{Errc::corrupt, "a row of the reply has other columns"};
        decisions.push_back(decision_of(row.get_array()));
    }
    return decisions;
}

}  // namespace mw::alarm_desk
