#pragma once
// Answers where data came from and where it went, out of the registry as it is now: no second
// store, so nothing that can disagree with it. Belongs to the control loop; reads all devices,
// profiles, products, datasets and model versions for each question.

#include "domain/resource_store.h"
#include "fleet/lineage/graph.h"

namespace mw::lineage {

class Lineage {
 public:
    explicit Lineage(ResourceStore& store) : store_(store) {}

    // question.kind as people write it. invalid_input, not_found.
    Task<Json> trace(Question question);

 private:
    Task<> read(std::string kind, projection::ByName& shelf);

    ResourceStore& store_;
};

}  // namespace mw::lineage
