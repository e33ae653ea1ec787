#include "fleet/alarm_desk/alarm_desk.h"

#include "base/log.h"
#include "fleet/alarm_desk/decision_rows.h"

namespace mw::alarm_desk {
namespace {
constexpr std::size_t decisions_per_read = 5000;
}

AlarmDesk::AlarmDesk(Parts parts) : parts_(parts), scope_(parts.loop) {}

AlarmDesk::~AlarmDesk() = default;

Task<> AlarmDesk::start() {
    CO_TRY(alerts::AlarmRecord record, co_await parts_.log.load());
    engine_.restore(std::move(record));
    subscription_ =
        parts_.store.subscribe([this](const ResourceChange& change) { on_change(change); });
    CO_TRY_VOID(co_await read_all("Device"));
    CO_TRY_VOID(co_await read_all("AlertRule"));
    if (engine_.rules().empty()) co_return Result<>{};
    std::vector<std::string> devices;
    for (const auto& [name, labels] : labels_) devices.push_back(name);
    for (const auto& name : devices) CO_TRY_VOID(co_await catch_up(name));
    co_return Result<>{};
}

Task<> AlarmDesk::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

Task<> AlarmDesk::read_all(std::string kind) {
    ListQuery query;
    query.kind = std::move(kind);
    for (;;) {
        CO_TRY(ResourcePage page, co_await parts_.store.list(query));
        for (Resource& resource : page.items)
            on_change({ResourceChange::What::changed, std::move(resource)});
        if (page.continue_from.empty()) co_return Result<>{};
        query.continue_from = std::move(page.continue_from);
    }
}

void AlarmDesk::on_change(const ResourceChange& change) {
    const Resource& resource = change.resource;
    const bool gone = change.what == ResourceChange::What::deleted;
    if (resource.kind == "Device") {
        if (gone) {
            labels_.erase(resource.name);
            engine_.forget_device(resource.name);
        } else {
            labels_[resource.name] = resource.labels;
        }
    } else if (resource.kind == "AlertRule") {
        std::vector<alerts::Alarm> changed;
        if (gone) {
            changed = engine_.remove_rule(resource.name);
        } else if (auto rule = alerts::rule_from_resource(resource)) {
            changed = engine_.set_rule(std::move(*rule));
        } else {
            log::warn("alarms.rule.refused",
                      {{"rule", resource.name}, {"reason", rule.error().message}});
        }
        scope_.spawn(settle(std::move(changed)));
    }
}

// Reads what the engine has not seen of a device, oldest first.
Task<> AlarmDesk::catch_up(std::string device) {
    for (;;) {
        DecisionRange range{device, "", engine_.cursor(device), {}, decisions_per_read};
        QueryRequest request;
        request.sql = decisions_sql(range);
        CO_TRY(const QueryReply reply, co_await parts_.queries.query(std::move(request)));
        CO_TRY(const Json body, parse_json(reply.body));
        CO_TRY(const auto decisions, decisions_from_reply(body));
        std::vector<alerts::Alarm> changed;
        for (const Decision& decision : decisions) observe(decision, changed);
        CO_TRY_VOID(co_await settle(std::move(changed)));
        const bool moved = !decisions.empty() && engine_.cursor(device) > range.after;
        if (decisions.size() < decisions_per_read || !moved) co_return Result<>{};
    }
}

void AlarmDesk::observe(const Decision& decision, std::vector<alerts::Alarm>& changed) {
    const auto labels = labels_.find(decision.device.text);
    static const alerts::Labels none;
    auto now = engine_.observe(decision, labels == labels_.end() ? none : labels->second);
    changed.insert(changed.end(), now.begin(), now.end());
}

Task<> AlarmDesk::consume(ingest::DecisionBox box) {
    std::vector<alerts::Alarm> changed;
    for (const Decision& decision : box.decisions)
        if (!box.missed.contains(decision.device.text)) observe(decision, changed);
    CO_TRY_VOID(co_await settle(std::move(changed)));
    for (const std::string& device : box.missed) {
        auto caught_up = co_await catch_up(device);
        if (!caught_up)
            log::warn("alarms.device.behind",
                      {{"device", device}, {"reason", caught_up.error().message}});
    }
    co_return Result<>{};
}

// Writes what moved, then tells.
Task<> AlarmDesk::settle(std::vector<alerts::Alarm> changed) {
    alerts::AlarmRecord record;
    record.tracks = engine_.take_moved();
    record.alarms = changed;
    if (!record.empty()) CO_TRY_VOID(co_await parts_.log.append(std::move(record)));
    std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
    const auto listeners = listeners_;
    for (const alerts::Alarm& alarm : changed)
        for (const auto& weak : listeners)
            if (const auto listener = weak.lock()) (*listener)(alarm);
    co_return Result<>{};
}

std::vector<alerts::Alarm> AlarmDesk::list(const alerts::AlarmFilter& filter) const {
    return engine_.alarms(filter);
}

Task<Json> AlarmDesk::why(std::string id) {
    const alerts::Alarm* alarm = engine_.find(id);
    if (!alarm)
        co_return Error{Errc::not_found,
                        "no alarm '" + id + "'. Next step: millwright alerts lists them"};
    alerts::Alarm copy = *alarm;
    co_return co_await alerts::why(std::move(copy), *this);
}

std::shared_ptr<void> AlarmDesk::subscribe(Listener listener) {
    auto kept = std::make_shared<Listener>(std::move(listener));
    listeners_.push_back(kept);
    return kept;
}

Task<std::vector<Decision>> AlarmDesk::decisions(std::string device, std::string model,
                                                 Timestamp from, Timestamp to, std::size_t limit) {
    DecisionRange range{std::move(device), std::move(model), from - nanoseconds{1}, to, limit};
    QueryRequest request;
    request.sql = decisions_sql(range);
    CO_TRY(const QueryReply reply, co_await parts_.queries.query(std::move(request)));
    CO_TRY(const Json body, parse_json(reply.body));
    co_return decisions_from_reply(body);
}

Task<Json> AlarmDesk::model_version(std::string model, std::string version) {
    CO_TRY(const Resource found, co_await parts_.store.get("ModelVersion", model + "--" + version));
    Json answer = found.spec;
    set(answer, "name", Json(found.name));
    co_return answer;
}

Task<Json> AlarmDesk::device(std::string name) {
    CO_TRY(const Resource found, co_await parts_.store.get("Device", name));
    JsonObject labels;
    for (const auto& [key, value] : found.labels) labels[key] = value;
    const std::string asset = find_string(found.spec, "asset").value_or("");
    JsonObject answer{{"name", found.name},
                      {"profile", find_string(found.spec, "profile").value_or("")},
                      {"asset", asset},
                      {"labels", std::move(labels)}};
    if (!asset.empty()) {
        auto where = co_await parts_.store.get("Asset", asset);
        if (where) answer["site"] = find_string(where->spec, "site").value_or("");
    }
    co_return Json(std::move(answer));
}

Task<Json> AlarmDesk::quality_findings(std::string device, Timestamp from, Timestamp to) {
    CO_TRY(const auto findings, co_await parts_.findings.findings(std::move(device), from, to));
    JsonArray list;
    for (const quality::Finding& f : findings)
        list.push_back(
            {{"signal", f.signal},
             {"reason", f.reason == Reason::none ? "gap" : std::string(to_string(f.reason))},
             {"from", to_iso8601(f.from)},
             {"to", to_iso8601(f.to)},
             {"points", f.points}});
    co_return Json(std::move(list));
}

}  // namespace mw::alarm_desk
