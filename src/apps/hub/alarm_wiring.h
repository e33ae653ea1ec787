#pragma once
// Connects the alarm desk: rules and device labels come from the registry, people ask through the
// API. Control loop.

#include "data/alarms/alarms.h"
#include "domain/resource_store.h"
#include "surface/api/api.h"

namespace mw::hub {

class AlarmWiring final : public api::AlarmDirectory {
 public:
    AlarmWiring(ResourceStore& store, alarms::AlarmDesk& desk) : store_(store), desk_(desk) {}

    // Reads devices and rules once, and follows them.
    Task<> start();
    void stop() { subscription_.reset(); }

    Task<JsonArray> list(std::string state, std::size_t limit) override;
    Task<Json> why(std::string id) override;
    std::shared_ptr<void> subscribe(Listener listener) override;

 private:
    void on_change(const ResourceChange& change);
    Task<> read_all(std::string kind);

    ResourceStore& store_;
    alarms::AlarmDesk& desk_;
    std::shared_ptr<void> subscription_;
};

}  // namespace mw::hub
