#pragma once
// What differs between two contracts, and whether those who read the data can go on as they are.
// Pure. A contract is a promise to readers: what promises more is compatible, what promises less or
// something else is breaking.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "domain/resource.h"

namespace mw::products {

enum class Effect { words, compatible, breaking };  // words: compatible, and says it otherwise only

struct Change {
    std::string path;  // "spec.signals.flow.unit": named, as lists have no order
    Json from, to;     // null: not there
    Effect effect = Effect::compatible;
    std::string why;
    std::string signal{};               // the only one it is about; empty: the whole product
    std::vector<std::string> breaks{};  // filled in by name_broken()
};

// Every difference of spec and domain, by path. Labels of the resource promise nothing.
std::vector<Change> classify(const Resource& before, const Resource& after);

// {"path","from","to","effect":"compatible"|"breaking","why","breaks":[...]}
Json to_json(const Change& change);
// "spec.signals.flow.unit: bar -> kPa, breaking: why; breaks consumer x, Dataset y"
std::string sentence_of(const Change& change);

struct Version {
    std::uint64_t major = 0, minor = 0, patch = 0;
    auto operator<=>(const Version&) const = default;
};
// Of spec.version, whose form the schema has checked; no value: it is no contract.
std::optional<Version> version_of(const Resource& product);
std::string to_text(const Version& version);
// Whether somebody may rely on it: it has a version and is active or deprecated.
bool is_promise(const Resource& product);

struct Comparison {
    std::vector<Change> changes;
    std::optional<Version> before, after;
    std::string needs;         // "major", "minor", "patch", or "nothing"
    std::string next_version;  // the least that would do; empty: it is no contract
    std::string refused;       // why the hub would not take it; empty: it would
};
// conflict of `refused`: a promise is broken without a new major version, or a version goes back.
Comparison compare(const Resource& before, const Resource& after, std::vector<Change> changes);
Json to_json(const Comparison& comparison);

}  // namespace mw::products
