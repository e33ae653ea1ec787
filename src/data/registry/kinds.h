#pragma once
// The kinds of resources, each from its JSON Schema under kinds/. Immutable after the first use.
//
// A kind's file is the schema of its spec, with three keywords of ours: "title" is the kind,
// "x-plural" its plural in URLs, and "x-refers-to": "Kind" on a string says that it names a
// resource that must exist.

#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"
#include "domain/resource.h"

namespace mw::registry {

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

// Everything that can be said without the store: schema, names, durations, expressions, bounds.
// The error's message begins with the path and names the remedy.
Result<> check(const Resource& resource);
// Names of other resources in the spec.
std::vector<Reference> references(const Resource& resource);

}  // namespace mw::registry
