#include "data/registry/kinds.h"

#include <algorithm>

namespace mw::registry {
namespace {

constexpr std::string_view envelope = R"({
  "type": "object",
  "properties": {
    "kind": {"type": "string", "description": "The kind of the resource."},
    "name": {
      "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,62}$",
      "description": "Unique within its kind: 1 to 63 of a-z 0-9 . _ - and a letter or digit first."
    },
    "domain": {
      "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,62}$", "default": "default",
      "description": "The part of the organisation that it belongs to; roles are given by domain."
    },
    "labels": {
      "type": "object", "maxProperties": 64,
      "propertyNames": {"pattern": "^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$"},
      "additionalProperties": {"type": "string", "pattern": "^[^,=!]*$", "maxLength": 63},
      "description": "Free tags by which resources are selected."
    },
    "spec": {},
    "status": {"type": "object", "description": "What controllers saw. Not written by people."},
    "generation": {"type": "integer", "description": "Grows when spec changes."},
    "revision": {
      "type": "string",
      "description": "As returned; a write with an old one is refused. Opaque."
    },
    "created": {"type": "string", "description": "Time of the first write."},
    "updated": {"type": "string", "description": "Time of the last write."}
  },
  "required": ["kind", "name"],
  "additionalProperties": false
})";

// A schema that doesn't compile is a bug of ours: every kind is built by a test.
Kind make_kind(std::string_view text) {
    auto spec = parse_json(text);
    ASSERT(spec.ok());
    auto whole = *parse_json(envelope);
    const auto name = find_string(*spec, "title").value_or("");
    const auto plural = find_string(*spec, "x-plural").value_or("");
    const auto description = find_string(*spec, "description").value_or("");
    ASSERT(!name.empty() && !plural.empty() && !description.empty());
    set(whole, "title", Json(name));
    set(whole, "description", Json(description));
    set(whole, "x-plural", Json(plural));
    set(whole, "properties.kind.const", Json(name));
    if (const Json* required = find(*spec, "required"); required && !required->get_array().empty())
        whole.get_object()["required"].get_array().emplace_back("spec");
    set(whole, "properties.spec", std::move(*spec));
    auto schema = Schema::compile(std::move(whole));
    ASSERT(schema.ok());
    return {name, plural, description, std::move(*schema)};
}

std::vector<Kind> make_kinds() {
    std::vector<Kind> result;
    for (const char* const* text = embedded_schemas; *text; ++text)
        result.push_back(make_kind(*text));
    std::sort(result.begin(), result.end(),
              [](const Kind& a, const Kind& b) { return a.name < b.name; });
    return result;
}

}  // namespace

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all = make_kinds();
    return all;
}

const Kind* find_kind(std::string_view name) {
    for (const auto& kind : kinds())
        if (kind.name == name) return &kind;
    return nullptr;
}

const Kind* find_plural(std::string_view plural) {
    for (const auto& kind : kinds())
        if (kind.plural == plural) return &kind;
    return nullptr;
}

Result<const Kind*> want_kind(std::string_view name) {
    if (const Kind* kind = find_kind(name)) return kind;
    std::vector<std::string> names;
    std::string all;
    for (const auto& kind : kinds()) {
        names.push_back(kind.name);
        all += (all.empty() ? "" : " ") + kind.name;
    }
    const auto near = nearest_word(name, names);
    return Error{Errc::invalid_input,
                 "kind: there is no kind '" + std::string(name.substr(0, 63)) + "'" +
                     (near.empty() ? " (kinds: " + all + ")" : "; did you mean '" + near + "'?")};
}

}  // namespace mw::registry
