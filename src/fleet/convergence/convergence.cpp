#include "fleet/convergence/convergence.h"

#include <utility>

#include "base/log.h"
#include "domain/each_resource.h"

namespace mw::convergence {

Convergence::Convergence(Loop& loop, ResourceStore& store, DesiredSink& sink,
                         const identity::SigningKey& release_key, Options options)
    : loop_(loop),
      store_(store),
      sink_(sink),
      options_(std::move(options)),
      releases_(loop.clock(), store, release_key, options_.size_of),
      scope_(loop) {}

Convergence::~Convergence() = default;

Task<> Convergence::start() {
    subscription_ = store_.subscribe([this](const ResourceChange& change) { on_change(change); });
    CO_TRY_VOID(co_await read_all("DeviceProfile"));
    CO_TRY_VOID(co_await read_all("ModelVersion"));
    CO_TRY_VOID(co_await read_all("Firmware"));
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
    if (resource.kind == "Device") return on_device(resource, gone);
    if (resource.kind == "ModelVersion" || resource.kind == "Firmware")
        return on_version(resource, gone);
    if (resource.kind == "DeviceProfile") {
        const std::string is = find_string(resource.spec, "device_class").value_or("");
        if (classes_[resource.name] == is) return;
        classes_[resource.name] = is;
        for (auto& [name, known] : devices_)
            if (find_string(known.resource.spec, "profile") == resource.name) publish(known);
    }
}

void Convergence::on_version(const Resource& version, bool gone) {
    if (gone)
        releases_.forget(version);
    else
        releases_.learn(version);
    for (auto& [name, known] : devices_)
        if (known.versions.contains(version.name)) publish(known);
}

// The document depends on the spec and on the counters that the device reports.
void Convergence::on_device(const Resource& device, bool gone) {
    if (gone) {
        if (devices_.erase(device.name) > 0) sink_.publish(device.name, "");
        return;
    }
    Known& known = devices_[device.name];
    if (known.resource.revision >= device.revision && known.resource.revision > 0) return;
    const Json* before = find(known.resource.status, "reported");
    const Json* now = find(device.status, "reported");
    const bool same = !known.document.empty() && known.resource.generation == device.generation &&
                      (before && now ? *before == *now : before == now);
    known.resource = device;
    if (!same) publish(known);
}

std::string Convergence::class_of(const Resource& device) const {
    const auto found = classes_.find(find_string(device.spec, "profile").value_or(""));
    return found == classes_.end() ? "" : found->second;
}

void Convergence::publish(Known& known) {
    auto before = parse_json(known.document);
    Desired desired =
        desired_of(known.resource, releases_, before ? *before : Json{}, class_of(known.resource));
    known.versions = std::move(desired.versions);
    // What is said of a version comes back through the store; until then the device keeps what it
    // was told, and nothing half.
    for (auto& unsaid : desired.unsaid) scope_.spawn(say(std::move(unsaid)));
    if (!desired.unsaid.empty()) return;
    std::string document = to_json(desired.document);
    if (document == known.document) return;
    known.document = document;
    ++published_;
    sink_.publish(known.resource.name, std::move(document));
    JsonArray problems;
    for (const auto& problem : desired.problems) problems.emplace_back(problem);
    const Json* had_list = find(known.resource.status, "problems");
    const bool had = had_list && had_list->is_array() && !had_list->get_array().empty();
    if (had || !problems.empty()) patch(known.resource.name, "problems", std::move(problems));
}

Task<> Convergence::say(Unsaid unsaid) {
    auto said = co_await releases_.issue(unsaid.kind, unsaid.name, unsaid.floor);
    if (said || said.error().code == Errc::cancelled) co_return said;
    for (auto& [name, known] : devices_)  // without it, and saying why
        if (known.versions.contains(unsaid.name)) publish(known);
    co_return Result<>{};
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
    found->second.patch["connected"] = connected;
    if (std::exchange(found->second.presence_waits, true)) return;
    scope_.spawn(write_presence(device));
}

Task<> Convergence::write_presence(std::string device) {
    CO_TRY_VOID(co_await sleep_for(options_.presence_after));
    const auto found = devices_.find(device);
    if (found == devices_.end()) co_return Result<>{};
    found->second.presence_waits = false;
    // If something else was written meanwhile, this went with it.
    if (found->second.writing || found->second.patch.empty()) co_return Result<>{};
    found->second.writing = true;
    co_return co_await write_status(std::move(device));
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
