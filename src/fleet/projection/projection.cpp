#include "fleet/projection/projection.h"

#include <algorithm>

#include "base/log.h"
#include "domain/each_resource.h"

namespace mw::projection {
namespace {

constexpr nanoseconds views_at_most_after = seconds{2};

}  // namespace

Projection::Projection(Loop& loop, ResourceStore& store, ProjectionSink& sink)
    : loop_(loop), store_(store), sink_(sink), scope_(loop) {}

Projection::~Projection() = default;

Task<> Projection::start() {
    subscription_ = store_.subscribe([this](const ResourceChange& change) { on_change(change); });
    for (const char* kind : {"Asset", "DeviceProfile", "Device", "DataProduct"})
        CO_TRY_VOID(co_await read_all(kind));
    started_ = true;
    all_changed_ = true;
    refresh_devices();
    refresh_views();
    co_return Result<>{};
}

Task<> Projection::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

Task<> Projection::read_all(std::string kind) {
    auto visit = [this](Resource resource) {
        on_change({ResourceChange::What::changed, std::move(resource)});
    };
    co_return co_await each_resource(store_, std::move(kind), std::move(visit));
}

ByName* Projection::shelf(const std::string& kind) {
    if (kind == "Device") return &all_.devices;
    if (kind == "DeviceProfile") return &all_.profiles;
    if (kind == "Asset") return &all_.assets;
    if (kind == "DataProduct") return &all_.products;
    return nullptr;
}

void Projection::on_change(const ResourceChange& change) {
    const Resource& resource = change.resource;
    ByName* resources = shelf(resource.kind);
    if (!resources) return;
    if (change.what == ResourceChange::What::deleted) {
        resources->erase(resource.name);
    } else {
        Resource& known = (*resources)[resource.name];
        if (known.revision > resource.revision) return;  // the first reading came behind a change
        // Status moves often and says nothing about points.
        const bool same = known.revision > 0 && known.generation == resource.generation &&
                          known.labels == resource.labels;
        known = resource;
        if (same) return;
    }
    if (resource.kind == "Device")
        changed_devices_.insert(resource.name);
    else
        all_changed_ = true;
    if (started_) refresh_soon();
}

void Projection::refresh_soon() {
    if (std::exchange(refreshing_, true)) return;
    scope_.spawn(refresh());
}

Task<> Projection::refresh() {
    CO_TRY_VOID(co_await yield());  // what else has changed in this turn comes along
    refreshing_ = false;
    refresh_devices();
    refresh_views_when_due();
    co_return Result<>{};
}

void Projection::refresh_views_when_due() {
    const auto now = loop_.clock().steady();
    if (views_wait_) return;
    if (now >= views_due_) return refresh_views();
    views_wait_ = true;
    scope_.spawn(refresh_views_later(views_due_ - now));
}

Task<> Projection::refresh_views_later(nanoseconds after) {
    CO_TRY_VOID(co_await sleep_for(after));
    views_wait_ = false;
    refresh_views();
    co_return Result<>{};
}

void Projection::refresh_devices() {
    const auto put = [&](const std::string& name) {
        const auto device = all_.devices.find(name);
        if (device == all_.devices.end())
            sink_.remove_device(name);
        else
            sink_.put_device(name, facts_of(all_, device->second, rules_));
    };
    if (all_changed_) {
        rules_.keep_only(all_.profiles);
        for (const auto& [name, device] : all_.devices) put(name);
    }
    for (const auto& name : changed_devices_)
        if (!all_changed_ || !all_.devices.contains(name)) put(name);
    changed_devices_.clear();
    all_changed_ = false;
}

void Projection::refresh_views() {
    const auto began = loop_.clock().steady();
    products_ = products_of(all_);
    sink_.set_context(context_of(all_));
    sink_.set_parents(parents_of(all_));
    refresh_edge_nodes();
    const auto ended = loop_.clock().steady();
    views_due_ = ended + std::min<nanoseconds>((ended - began) * 100, views_at_most_after);
}

void Projection::refresh_edge_nodes() {
    EdgeNodes now = edge_nodes_of(all_);
    if (now.refused != edge_nodes_.refused)
        for (const std::string& name : now.refused)
            log::warn("projection.edge_node.refused",
                      {{"device", name},
                       {"reason", "an older Device has the same spec.sparkplug; change one"}});
    const bool changed = *now.addresses != *edge_nodes_.addresses;
    edge_nodes_ = std::move(now);
    if (changed) sink_.set_edge_nodes(edge_nodes_.addresses);
}

}  // namespace mw::projection
