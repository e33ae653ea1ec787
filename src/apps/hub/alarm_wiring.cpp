#include "apps/hub/alarm_wiring.h"

#include "base/log.h"
#include "domain/each_resource.h"

namespace mw::hub {

Task<> AlarmWiring::start() {
    subscription_ = store_.subscribe([this](const ResourceChange& change) { on_change(change); });
    CO_TRY_VOID(co_await read_all("Device"));
    co_return co_await read_all("AlertRule");
}

Task<> AlarmWiring::read_all(std::string kind) {
    auto visit = [this](Resource resource) {
        on_change({ResourceChange::What::changed, std::move(resource)});
    };
    co_return co_await each_resource(store_, std::move(kind), std::move(visit));
}

void AlarmWiring::on_change(const ResourceChange& change) {
    const Resource& resource = change.resource;
    const bool gone = change.what == ResourceChange::What::deleted;
    if (resource.kind == "Device") {
        if (gone)
            desk_.remove_device(resource.name);
        else
            desk_.put_device(resource.name, resource.labels);
    } else if (resource.kind == "AlertRule") {
        if (gone) return desk_.remove_rule(resource.name);
        auto rule = alerts::rule_from_resource(resource);
        if (rule)
            desk_.set_rule(std::move(*rule));
        else
            log::warn("hub.alert_rule.refused",
                      {{"rule", resource.name}, {"reason", rule.error().message}});
    }
}

Task<JsonArray> AlarmWiring::list(std::string state, std::size_t limit) {
    co_return desk_.list(state, limit);
}

Task<Json> AlarmWiring::why(std::string id) { return desk_.why(std::move(id)); }

std::shared_ptr<void> AlarmWiring::subscribe(Listener listener) {
    return desk_.subscribe(std::move(listener));
}

}  // namespace mw::hub
