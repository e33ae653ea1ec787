#pragma once
// Who reads a data product, as far as the hub knows. Pure.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "data/products/changes.h"

namespace mw::products {

struct Reader {
    std::string who;                               // "consumer energy-team", "Dataset golden"
    std::optional<std::set<std::string>> signals;  // no value: all of them
};

// The resources among which readers are looked for.
struct Surroundings {
    std::vector<Resource> datasets, versions, rules, monitors, use_cases;
};

// Consumers that the contract names; datasets and use cases that refer to it; model versions whose
// training data names it, with the alert rules and monitors of their models. By name.
std::vector<Reader> readers_of(const Resource& product, const Surroundings& around);
// Puts who reads what a breaking change is about into its `breaks`.
void name_broken(std::vector<Change>& changes, const std::vector<Reader>& readers);

}  // namespace mw::products
