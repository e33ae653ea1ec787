#pragma once
// Where data came from and where it went, read off resources: device -> series -> data product ->
// dataset -> model version -> device. Pure; nothing is stored. A series is a signal that a device's
// profile declares, named DEVICE:SIGNAL.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fleet/projection/projection.h"

namespace mw::lineage {

struct Resources {
    projection::Resources plant;  // devices, profiles, products
    projection::ByName datasets, versions;
};

struct Question {
    std::string kind;  // Device, Series, DataProduct, Dataset, ModelVersion
    std::string name;
    bool down = true;         // towards those who use it; else towards its sources
    std::size_t limit = 200;  // nodes of the tree
    // What may not be seen is left out and counted; a series counts as its device. None: all may.
    std::function<bool(const Resource&)> may_see;
};
// "data-product", "product", "DataProduct"; invalid_input lists what there is.
Result<std::string> kind_from(std::string_view text);

// {"kind","name","edge":{...},"children":[...],"more":n,"hidden":n,"repeated":true}, empty keys
// left out. An edge says by which contract version, dataset hash or bundle hash. A node has at most
// an eighth of the limit as children, at least 10; `more` counts the others. not_found.
Result<Json> trace(const Resources& all, const Question& question);

}  // namespace mw::lineage
