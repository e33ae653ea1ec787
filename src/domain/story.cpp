#include "domain/story.h"

namespace mw {

std::string_view state_of(const Resource& resource, const StateTable& table) {
    const Json* state = find(resource.status, "state");
    if (!state || !state->is_string()) return table.initial();
    const std::string_view text(state->get_string().data(), state->get_string().size());
    return table.knows(text) ? text : table.initial();
}

Result<JsonObject> advance(Resource& resource, const StateTable& table, std::string_view event,
                           std::string_view says, Timestamp now) {
    TRY(const std::string_view to, table.next(state_of(resource, table), event));
    const Json* told = find(resource.status, "history");
    JsonArray history = told && told->is_array() ? told->get_array() : JsonArray{};
    if (history.size() >= story_steps_max) history.erase(history.begin());
    history.emplace_back(
        JsonObject{{"at", to_iso8601(now)}, {"event", event}, {"state", to}, {"says", says}});
    JsonObject changes;
    changes["state"] = to;
    changes["reason"] = says;
    changes["history"] = std::move(history);
    if (!resource.status.is_object()) resource.status = JsonObject{};
    for (const auto& [key, value] : changes) resource.status.get_object()[key] = value;
    return changes;
}

}  // namespace mw
