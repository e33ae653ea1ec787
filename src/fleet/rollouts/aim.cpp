#include "fleet/rollouts/aim.h"

namespace mw::rollouts {
namespace {

// Products may have dots in their names, so no dotted paths here.
const Json* at(const Json* value, std::string_view key) {
    return value && value->is_object() ? value->get_object().if_contains(key) : nullptr;
}

std::string_view shelf_key(const Aim& aim) {
    return aim.shelf == Aim::Shelf::models ? "models" : "firmware";
}

const Json* entry_of(const Json& spec, const Aim& aim) {
    return at(at(&spec, shelf_key(aim)), aim.product);
}

std::string text_at(const Json* value, std::string_view key) {
    const Json* text = at(value, key);
    return text && text->is_string() ? std::string(text->get_string()) : std::string();
}

std::int64_t count_at(const Json* value, std::string_view key) {
    const Json* number = at(value, key);
    if (!number) return 0;
    if (number->is_int64()) return number->get_int64();
    if (number->is_uint64()) return static_cast<std::int64_t>(number->get_uint64());
    return 0;
}

bool has_version(const Json* entry, const Aim& aim) {
    return entry && text_at(entry, aim.shadow ? "shadow" : "version") == aim.version;
}

JsonObject& shelf_in(Json& spec, const Aim& aim) {
    if (!spec.is_object()) spec = JsonObject{};
    Json& shelf = spec.get_object()[shelf_key(aim)];
    if (!shelf.is_object()) shelf = JsonObject{};
    return shelf.get_object();
}

}  // namespace

std::string Aim::trace_key() const {
    return std::string("rollout:") + (shelf == Shelf::firmware ? "firmware/" : "") + product;
}

std::optional<Trace> trace_of(const Resource& device, const Aim& aim) {
    const Json* value = at(&device.status, aim.trace_key());
    if (!value || text_at(value, "name") != aim.rollout) return std::nullopt;
    Trace trace;
    trace.rollout = aim.rollout;
    trace.wave = count_at(value, "wave");
    trace.boots = count_at(value, "boots");
    trace.generation = static_cast<std::uint64_t>(count_at(value, "generation"));
    if (auto since = parse_iso8601(text_at(value, "since"))) trace.since = *since;
    trace.withdrawn = find_bool(*value, "withdrawn").value_or(false);
    return trace;
}

Json trace_json(const Trace& trace) {
    JsonObject object{{"name", trace.rollout},
                      {"wave", trace.wave},
                      {"boots", trace.boots},
                      {"generation", trace.generation},
                      {"since", to_iso8601(trace.since)}};
    if (trace.withdrawn) object["withdrawn"] = true;
    return object;
}

Standing standing_of(const Resource& device, const Aim& aim, Timestamp planned_at) {
    const Json* entry = entry_of(device.spec, aim);
    const bool ours = text_at(entry, "rollout") == aim.rollout;
    const auto trace = trace_of(device, aim);
    const bool traced = trace && trace->since >= planned_at;
    if (has_version(entry, aim)) return ours && traced ? Standing::assigned : Standing::there;
    if (traced && trace->withdrawn) return Standing::withdrawn;
    // Traced and unchanged since: we were stopped between the trace and the spec.
    if (traced && device.generation > trace->generation) return Standing::changed;
    if (aim.shadow && !entry) return Standing::unfit;
    return Standing::untouched;
}

Json assigned_spec(const Resource& device, const Aim& aim) {
    Json spec = device.spec;
    Json& entry = shelf_in(spec, aim)[aim.product];
    const std::string before = text_at(&entry, "version");
    if (!entry.is_object()) entry = JsonObject{};
    JsonObject& object = entry.get_object();
    object["rollout"] = aim.rollout;
    if (aim.shadow) {
        object["shadow"] = aim.version;
    } else {
        object["version"] = aim.version;
        object["previous"] = before;
    }
    return spec;
}

Json withdrawn_spec(const Resource& device, const Aim& aim) {
    Json spec = device.spec;
    JsonObject& shelf = shelf_in(spec, aim);
    Json* entry = shelf.if_contains(aim.product);
    if (!entry || !entry->is_object()) return spec;
    JsonObject& object = entry->get_object();
    object.erase("rollout");
    if (aim.shadow) {
        object.erase("shadow");
        return spec;
    }
    const std::string previous = text_at(entry, "previous");
    object.erase("previous");
    if (previous.empty())
        shelf.erase(aim.product);
    else
        object["version"] = previous;
    if (shelf.empty()) spec.get_object().erase(shelf_key(aim));
    return spec;
}

InstallReport install_of(const Resource& device, const Aim& aim, const Trace& trace) {
    const Json* reported = at(&device.status, "reported");
    const Json* entry = at(at(reported, shelf_key(aim)), aim.reported_as());
    if (!entry) return {};
    const std::string said = text_at(entry, "state");
    const bool same = text_at(entry, "version") == aim.version;
    if (said == "applied" && same) return {Install::applied, ""};
    // A failure of an older document does not answer to this assignment.
    const bool answers =
        count_at(reported, "generation") > static_cast<std::int64_t>(trace.generation);
    if (said == "failed" && same && answers) {
        const std::string code = text_at(entry, "code");
        return {Install::failed, (code.empty() ? "" : code + ": ") + text_at(entry, "reason")};
    }
    return {};
}

std::int64_t boots_of(const Resource& device) {
    return count_at(at(&device.status, "health"), "boots");
}

}  // namespace mw::rollouts
