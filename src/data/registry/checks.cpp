// What a schema can't say: durations, times and expressions. Rules between keys: kind_rules.cpp.
#include <functional>
#include <map>

#include "data/registry/kinds.h"
#include "data/registry/wrong.h"
#include "platform/pattern/pattern.h"

namespace mw::registry {
namespace {

using Visit = std::function<Result<>(const JsonObject& schema, const std::string& text,
                                     const std::string& path)>;

// Calls visit for each string of the document for which the schema has a place.
Result<> walk(const Json& schema, const Json& document, const std::string& path,
              const Visit& visit) {
    if (document.is_string())
        return visit(schema.get_object(), std::string(document.get_string()), path);
    if (const auto* elements = document.if_array()) {
        const Json* items = find(schema, "items");
        for (std::size_t i = 0; items && i < elements->size(); ++i)
            TRY_VOID(walk(*items, (*elements)[i], path + "[" + std::to_string(i) + "]", visit));
    }
    if (const auto* object = document.if_object()) {
        const Json* properties = find(schema, "properties");
        const Json* others = find(schema, "additionalProperties");
        for (const auto& [key, value] : *object) {
            const Json* part = properties ? properties->get_object().if_contains(key) : nullptr;
            if (!part && others && others->is_object()) part = others;
            if (part) TRY_VOID(walk(*part, value, path + "." + std::string(key), visit));
        }
    }
    return {};
}

// Keys of maps (labels, models), which the schema's own check can't name the path of.
Result<> check_keys(const Json& schema, const Json& document, const std::string& path) {
    const auto* object = document.if_object();
    if (!object) return {};
    const Json* properties = find(schema, "properties");
    const Json* others = find(schema, "additionalProperties");
    if (const auto pattern = find_string(schema, "propertyNames.pattern")) {
        thread_local std::map<std::string, Pattern> compiled;  // few: those of our own schemas
        auto known = compiled.find(*pattern);
        if (known == compiled.end()) {
            TRY(auto made, Pattern::compile(*pattern));
            known = compiled.emplace(*pattern, std::move(made)).first;
        }
        for (const auto& [key, value] : *object)
            if (key.size() > 63 || !known->second.matches({key.data(), key.size()}))
                return wrong(path, "key '" + std::string(key.substr(0, 63)) +
                                       "' is not legal (want " + *pattern + ")");
    }
    for (const auto& [key, value] : *object) {
        const Json* part = properties ? properties->get_object().if_contains(key) : nullptr;
        if (!part && others && others->is_object()) part = others;
        const auto below = path.empty() ? std::string(key) : path + "." + std::string(key);
        if (part) TRY_VOID(check_keys(*part, value, below));
    }
    return {};
}

const Json& spec_schema(const Kind& kind) { return *find(kind.schema.source(), "properties.spec"); }

Result<> check_format(std::string_view format, const std::string& text, const std::string& path) {
    if (format == "duration") {
        const auto duration = parse_duration(text);
        if (!duration) return wrong(path, duration.error().message);
        if (duration->count() <= 0) return wrong(path, "want a duration above zero, such as 90s");
    } else if (format == "timestamp") {
        if (const auto time = parse_iso8601(text); !time) return wrong(path, time.error().message);
    } else if (format == "pattern") {
        if (const auto made = Pattern::compile(text); !made)
            return wrong(path, made.error().message);
    }
    return {};
}

}  // namespace

Result<> check(const Resource& resource) {
    TRY(const Kind* kind, want_kind(resource.kind));
    Json document = to_json(resource);
    for (const char* ours : {"status", "generation", "revision", "created", "updated"})
        document.get_object().erase(ours);
    TRY_VOID(check_keys(kind->schema.source(), document, ""));
    TRY_VOID(kind->schema.check(document));
    if (to_json(document).size() + to_json(resource.status).size() > max_resource_bytes)
        return wrong("spec", "the resource is larger than 1 MiB");
    const Visit formats = [](const JsonObject& schema, const std::string& text,
                             const std::string& path) -> Result<> {
        const Json* format = schema.if_contains("x-format");
        if (!format) return {};
        return check_format(format->get_string(), text, path);
    };
    TRY_VOID(walk(spec_schema(*kind), resource.spec, "spec", formats));
    return check_rules(resource);
}

std::vector<Reference> references(const Resource& resource) {
    std::vector<Reference> found;
    const Kind* kind = find_kind(resource.kind);
    if (!kind) return found;
    const Visit collect = [&](const JsonObject& schema, const std::string& text,
                              const std::string& path) -> Result<> {
        if (const Json* target = schema.if_contains("x-refers-to"))
            found.push_back({path, std::string(target->get_string()), text});
        return {};
    };
    ignore(walk(spec_schema(*kind), resource.spec, "spec", collect), "collecting can't fail");
    return found;
}

std::string_view referred_kind(const Kind& kind, std::string_view path) {
    if (!path.starts_with("spec.")) return {};
    const Json* properties = find(spec_schema(kind), "properties");
    const Json* part = properties ? properties->get_object().if_contains(path.substr(5)) : nullptr;
    const Json* target = part ? find(*part, "x-refers-to") : nullptr;
    return target ? std::string_view(target->get_string()) : std::string_view{};
}

}  // namespace mw::registry
