#include "data/alarms/evidence.h"

#include "base/sql_text.h"

namespace mw::alarms {
namespace {

constexpr std::string_view columns =
    "device, asset, use_case, model, version, bundle_hash, window_from, window_to, samples, "
    "inputs_quality, score, decision, fallback, latency_us";
constexpr std::size_t column_count = 14;

std::string sql_time(Timestamp time) {
    return "make_timestamp_ns(" + std::to_string(time.ns) + ")";
}

// A row of `columns` as the wire form of a decision.
Result<Decision> decision_of(const Json& row) {
    if (!row.is_array() || row.get_array().size() != column_count)
        return Error{Errc::corrupt, "the query gave other columns than asked for"};
    const auto& cell = row.get_array();
    const Json value =
        JsonObject{{"device", cell[0]},
                   {"asset", cell[1]},
                   {"use_case", cell[2]},
                   {"model", cell[3]},
                   {"version", cell[4]},
                   {"bundle_hash", cell[5]},
                   {"window", JsonObject{{"from", cell[6]}, {"to", cell[7]}, {"samples", cell[8]}}},
                   {"inputs_quality", cell[9]},
                   {"score", cell[10]},
                   {"decision", cell[11]},
                   {"fallback", cell[12]},
                   {"latency_us", cell[13]}};
    return decision_from_json(value);
}

}  // namespace

Task<std::vector<DecisionSource::Newest>> HubEvidence::newest() {
    auto found = co_await rows("SELECT device, max(time) FROM decisions GROUP BY device");
    if (!found) co_return std::move(found).error();
    std::vector<Newest> all;
    for (const auto& row : *found) {
        const auto& cell = row.get_array();
        if (cell.size() != 2 || !cell[0].is_string() || !cell[1].is_string()) continue;
        auto time = parse_iso8601(std::string_view(cell[1].get_string()));
        if (time) all.push_back({std::string(cell[0].get_string()), *time});
    }
    co_return all;
}

Task<std::vector<Decision>> HubEvidence::after(std::string device, Timestamp after,
                                               std::size_t limit) {
    auto condition = "device = " + sql_text(device) + " AND time > " + sql_time(after);
    co_return co_await decisions_where(std::move(condition), limit);
}

Task<std::vector<Decision>> HubEvidence::decisions(std::string device, std::string model,
                                                   Timestamp from, Timestamp to,
                                                   std::size_t limit) {
    auto condition = "device = " + sql_text(device) + " AND model = " + sql_text(model) +
                     " AND time >= " + sql_time(from) + " AND time <= " + sql_time(to);
    co_return co_await decisions_where(std::move(condition), limit);
}

Task<std::vector<Decision>> HubEvidence::decisions_where(std::string condition, std::size_t limit) {
    auto sql = "SELECT " + std::string(columns) + " FROM decisions WHERE " + condition +
               " ORDER BY time LIMIT " + std::to_string(limit);
    auto found = co_await rows(std::move(sql));
    if (!found) co_return std::move(found).error();
    std::vector<Decision> all;
    for (const auto& row : *found) {
        auto decision = decision_of(row);
        if (!decision) co_return std::move(decision).error().context("decisions");
        all.push_back(std::move(decision).value());
    }
    co_return all;
}

Task<JsonArray> HubEvidence::rows(std::string sql) {
    QueryRequest request;
    request.sql = std::move(sql);
    auto reply = co_await queries_.query(std::move(request));
    if (!reply) co_return std::move(reply).error();
    auto value = parse_json(reply->body);
    if (!value) co_return std::move(value).error();
    const Json* items = find(*value, "rows");
    if (!items || !items->is_array()) co_return Error{Errc::corrupt, "the query gave no rows"};
    co_return items->get_array();
}

Task<Json> HubEvidence::model_version(std::string model, std::string version) {
    auto name = model + "--" + version;
    auto resource = co_await resources_.get("ModelVersion", name);
    if (!resource) co_return std::move(resource).error();
    Json link = resource->spec;
    if (!link.is_object()) link = JsonObject{};
    link.get_object()["name"] = resource->name;
    co_return link;
}

Task<Json> HubEvidence::device(std::string name) {
    auto device = co_await resources_.get("Device", name);
    if (!device) co_return std::move(device).error();
    JsonObject labels;
    for (const auto& [key, value] : device->labels) labels[key] = value;
    JsonObject link{{"name", device->name},
                    {"profile", find_string(device->spec, "profile").value_or("")},
                    {"labels", std::move(labels)}};
    const auto asset_name = find_string(device->spec, "asset");
    if (asset_name && !asset_name->empty()) {
        link["asset"] = *asset_name;
        auto asset = co_await resources_.get("Asset", *asset_name);
        if (asset) {
            link["site"] = find_string(asset->spec, "site").value_or("");
            link["asset_class"] = find_string(asset->spec, "class").value_or("");
        }
    }
    co_return Json(std::move(link));
}

Task<Json> HubEvidence::quality_findings(std::string device, Timestamp from, Timestamp to) {
    auto found = co_await findings_(std::move(device), from, to);
    if (!found) co_return std::move(found).error();
    JsonArray items;
    for (const auto& finding : *found)
        items.push_back(JsonObject{
            {"signal", finding.signal},
            {"reason", finding.reason == Reason::none ? "gap" : to_string(finding.reason)},
            {"from", to_iso8601(finding.from)},
            {"to", to_iso8601(finding.to)},
            {"points", finding.points}});
    co_return Json(std::move(items));
}

}  // namespace mw::alarms
