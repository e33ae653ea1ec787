#pragma once
// The kinds of resources, each from its JSON Schema under kinds/. Immutable after the first use.
//
// A kind's file is the schema of its spec, with keywords of ours: "title" is the kind, "x-plural"
// its plural in URLs, "x-refers-to": "Kind" says that a string names a resource that must exist,
// and "x-format" is duration, timestamp or regex.

#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"
#include "domain/resource.h"

namespace mw::registry {

inline constexpr std::size_t max_resource_bytes = std::size_t{1} << 20;

struct Reference {
    std::string path;  // where in the resource: "spec.profile"
    std::string kind;
    std::string name;
};

struct Kind {
    std::string name;    // "DeviceProfile"
    std::string plural;  // "device-profiles"
    std::string description;
    Schema schema;  // of the whole resource as people write it
};

const std::vector<Kind>& kinds();              // by name
const Kind* find_kind(std::string_view name);  // null: no such kind
const Kind* find_plural(std::string_view plural);
Result<const Kind*> want_kind(std::string_view name);  // the error lists what there is

// Everything that can be said without the store: schema, names, durations, expressions, bounds.
// The error's message begins with the path and names the remedy.
Result<> check(const Resource& resource);
// The part of check() that relates keys to one another; the schema holds already.
Result<> check_rules(const Resource& resource);
// Names of other resources in the spec.
std::vector<Reference> references(const Resource& resource);
// The kind that a field refers to: ("Device", "spec.profile") gives "DeviceProfile"; else empty.
std::string_view referred_kind(const Kind& kind, std::string_view path);

// The schema as a tree for people, one key a line; of a path such as "spec.kpis" only that part.
Result<std::string> explain(const Kind& kind, std::string_view path = {});
// docs/kinds.md: every kind with its keys.
std::string kinds_markdown();

// The files under kinds/, embedded by the build; ends with a null.
extern const char* const embedded_schemas[];

}  // namespace mw::registry
