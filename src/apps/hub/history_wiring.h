#pragma once
// Shows stored points to their operators, and tells history how long each series is kept: as the
// data products that it belongs to and their policies say, else as the hub is configured. A series
// of several products is kept as long as the longest of them wants; one that is in a product
// without a limit, as long as the hub keeps the rest.

#include "apps/hub/data_plane.h"
#include "domain/resource_store.h"
#include "surface/api/api.h"

namespace mw::hub {

class HistoryWiring final : public api::HistoryDesk {
 public:
    struct Parts {
        DataPlane& data;
        ResourceStore& store;
        query::ProductSource& products;
        nanoseconds keep;  // 0: for ever
    };
    explicit HistoryWiring(Parts parts) : parts_(parts) {}

    Task<Json> stats() override;
    Task<Json> compact(nanoseconds wait) override;
    Task<Json> verify() override;
    Task<Json> remove(Deletion deletion) override;

    // Works out retention now and then, for as long as it is awaited.
    Task<> keep_retention();
    Task<history::RetentionSnapshot> retention();

 private:
    Task<std::vector<Resource>> all_of(std::string kind);
    Parts parts_;
};

}  // namespace mw::hub
