#include "fleet/convergence/convergence.h"

#include "base/log.h"
#include "domain/each_resource.h"

namespace mw::convergence {

Convergence::Convergence(Loop& loop, ResourceStore& store, DesiredSink& sink, Options options)
    : loop_(loop), store_(store), sink_(sink), options_(options), scope_(loop) {}

Convergence::~Convergence() = default;

Task<> Convergence::start() {
    subscription_ = store_.subscribe([this](const ResourceChange& change) { on_change(change); });
    CO_TRY_VOID(co_await read_all("ModelVersion"));
    CO_TRY_VOID(co_await read_all("Device"));
    co_return Result<>{};
}

Task<> Convergence::stop() {
    subscription_.reset();
    co_return co_await scope_.join();
}

Task<> Convergence::read_all(std::string kind) {
    auto visit = [this](Resource resource) {
        on_change({ResourceChange::What::changed, std::move(resource)});
    };
    co_return co_await each_resource(store_, std::move(kind), std::move(visit));
}

void Convergence::on_change(const ResourceChange& change) {
    const Resource& resource = change.resource;
    const bool gone = change.what == ResourceChange::What::deleted;
    if (resource.kind == "ModelVersion") {
        if (gone)
            versions_.erase(resource.name);
        else
            versions_[resource.name] = resource;
        for (auto& [name, known] : devices_) publish(known);
    } else if (resource.kind == "Device") {
        if (gone) {
            if (devices_.erase(resource.name) > 0) sink_.publish(resource.name, "");
            return;
        }
        Known& known = devices_[resource.name];
        if (known.resource.revision >= resource.revision && known.resource.revision > 0) return;
        known.resource = resource;
        publish(known);
    }
}

void Convergence::publish(Known& known) {
    Desired desired = desired_of(known.resource, versions_);
    std::string document = to_json(desired.document);
    if (document == known.document) return;
    known.document = document;
    ++published_;
    sink_.publish(known.resource.name, std::move(document));
    JsonArray problems;
    for (const auto& problem : desired.problems) problems.emplace_back(problem);
    const Json* before = find(known.resource.status, "problems");
    const bool had = before && before->is_array() && !before->get_array().empty();
    if (had || !problems.empty()) patch(known.resource.name, "problems", std::move(problems));
}

void Convergence::on_reported(const std::string& device, Json report) {
    patch(device, "reported", std::move(report));
}

void Convergence::on_health(const std::string& device, Json report) {
    const auto found = devices_.find(device);
    if (found == devices_.end()) return;
    Known& known = found->second;
    const SteadyTime now = loop_.clock().steady();
    if (known.health_written.ns >= 0 && now - known.health_written < options_.health_every) return;
    known.health_written = now;
    known.patch["last_seen"] = to_iso8601(loop_.clock().now());
    patch(device, "health", std::move(report));
}

void Convergence::on_presence(const std::string& device, bool connected, Timestamp at) {
    const auto found = devices_.find(device);
    if (found == devices_.end()) return;
    found->second.patch["last_seen"] = to_iso8601(at);
    if (connected) found->second.patch["state"] = "active";
    patch(device, "connected", connected);
}

void Convergence::patch(const std::string& device, std::string key, Json value) {
    const auto found = devices_.find(device);
    if (found == devices_.end()) return;
    found->second.patch[std::move(key)] = std::move(value);
    if (found->second.writing) return;
    found->second.writing = true;
    scope_.spawn(write_status(device));
}

// Writes what has gathered, until nothing has gathered during a write.
Task<> Convergence::write_status(std::string device) {
    for (;;) {
        auto found = devices_.find(device);
        if (found == devices_.end()) co_return Result<>{};
        if (found->second.patch.empty()) {
            found->second.writing = false;
            co_return Result<>{};
        }
        JsonObject changes;
        for (auto& [key, value] : found->second.patch) changes[key] = std::move(value);
        found->second.patch.clear();
        AuditNote note{"device:" + device, "report", "status"};
        auto outcome = co_await store_.merge_status("Device", device, std::move(changes), note);
        if (!outcome && outcome.error().code != Errc::not_found)
            log::warn("convergence.status.refused",
                      {{"device", device}, {"reason", outcome.error().message}});
    }
}

}  // namespace mw::convergence
