#pragma once
// Follows devices, profiles, assets and data products in the registry, and keeps what the
// data plane and the query engine need of them up to date. Belongs to the control loop. Changes
// that come together are worked out once. A device reaches the sink at once; views of all devices
// are made anew as often as that takes a hundredth of the time, and within 2 s. Limits: those of
// the registry.

#include <memory>
#include <set>
#include <string>

#include "domain/resource_store.h"
#include "fleet/projection/view.h"
#include "platform/loop/loop.h"

namespace mw::projection {

// Owned here: where the views go. Called on the control loop; each carries owned values.
class ProjectionSink {
 public:
    virtual ~ProjectionSink() = default;
    virtual void put_device(const std::string& name, ingest::DeviceFacts facts) = 0;
    virtual void remove_device(const std::string& name) = 0;
    virtual void set_context(history::ContextSnapshot context) = 0;
    virtual void set_parents(std::shared_ptr<const Parents> parents) = 0;
    virtual void set_edge_nodes(sparkplug::AddressSnapshot addresses) = 0;  // when they changed
};

class Projection final : public query::ProductSource {
 public:
    Projection(Loop& loop, ResourceStore& store, ProjectionSink& sink);
    ~Projection() override;

    // Reads everything once and hands it to the sink; follows changes from then on.
    Task<> start();
    Task<> stop();

    std::shared_ptr<const query::Products> products() override { return products_; }
    const Resources& resources() const { return all_; }

 private:
    void on_change(const ResourceChange& change);
    ByName* shelf(const std::string& kind);
    void refresh_soon();
    Task<> refresh();
    void refresh_devices();
    void refresh_views();
    void refresh_views_when_due();
    Task<> refresh_views_later(nanoseconds after);
    void refresh_edge_nodes();
    Task<> read_all(std::string kind);

    Loop& loop_;
    ResourceStore& store_;
    ProjectionSink& sink_;
    ProfileRules rules_;
    Resources all_;
    std::set<std::string> changed_devices_;
    bool all_changed_ = false;
    bool refreshing_ = false;
    bool started_ = false;
    bool views_wait_ = false;
    SteadyTime views_due_{};
    std::shared_ptr<const query::Products> products_ = std::make_shared<query::Products>();
    EdgeNodes edge_nodes_{std::make_shared<sparkplug::Addresses>(), {}};
    std::shared_ptr<void> subscription_;
    Scope scope_;
};

}  // namespace mw::projection
