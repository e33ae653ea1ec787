#include "fleet/monitors/controller.h"

#include <algorithm>

#include "base/log.h"
#include "domain/each_resource.h"
#include "domain/story.h"
#include "fleet/monitors/machine.h"

namespace mw::monitors {
namespace {

constexpr double week_s = 7 * 86'400;

// Decisions a week, from those in the window.
double per_week(const std::vector<drift::DeviceCounts>& devices, nanoseconds window) {
    double n = 0;
    for (const auto& device : devices) n += static_cast<double>(device.counts.values());
    return n / std::chrono::duration<double>(window).count() * week_s;
}

}  // namespace

Monitors::Monitors(Parts parts, Options options)
    : parts_(std::move(parts)), options_(options), scope_(parts_.loop) {}

Monitors::~Monitors() = default;

Task<> Monitors::start() {
    subscription_ =
        parts_.store.subscribe([this](const ResourceChange& change) { on_change(change); });
    CO_TRY_VOID(co_await read_all("Device"));
    CO_TRY_VOID(co_await read_all("ModelVersion"));
    CO_TRY_VOID(co_await read_all("Monitor"));
    scope_.spawn(keep_looking());
    co_return Result<>{};
}

Task<> Monitors::stop() {
    subscription_.reset();
    scope_.cancel();
    co_return co_await scope_.join();
}

Task<> Monitors::read_all(std::string kind) {
    auto visit = [this](Resource resource) {
        on_change({ResourceChange::What::changed, std::move(resource)});
    };
    co_return co_await each_resource(parts_.store, std::move(kind), std::move(visit));
}

void Monitors::on_change(const ResourceChange& change) {
    const Resource& resource = change.resource;
    const bool gone = change.what == ResourceChange::What::deleted;
    if (resource.kind == "Device") {
        if (gone) return static_cast<void>(devices_.erase(resource.name));
        Resource& known = devices_[resource.name];
        known.name = resource.name;
        known.labels = resource.labels;
    } else if (resource.kind == "ModelVersion") {
        if (gone) return static_cast<void>(versions_.erase(resource.name));
        versions_[resource.name] = resource;
    } else if (resource.kind == "Monitor") {
        if (gone) return static_cast<void>(monitors_.erase(resource.name));
        monitors_.insert(resource.name);
    }
}

void Monitors::on_sketch(const std::string& device, const std::string& model, ByteView body) {
    auto put = parts_.sketches.put(device, model, body);
    if (!put)
        log::warn("monitors.sketch.refused", {{"device", device}, {"reason", put.error().message}});
    else if (*put)
        arrived_.set();
}

Task<> Monitors::keep_looking() {
    for (;;) {
        auto woken = co_await within(options_.every, arrived_.wait());
        if (!woken && woken.error().code == Errc::cancelled) co_return std::move(woken).error();
        if (woken) CO_TRY_VOID(co_await sleep_for(options_.gather));
        arrived_.reset();
        const auto names = monitors_;
        for (const auto& name : names) {
            auto looked = co_await look(name);
            if (looked) continue;
            if (looked.error().code == Errc::cancelled) co_return std::move(looked).error();
            if (looked.error().code != Errc::not_found)
                log::warn("monitors.look.failed",
                          {{"monitor", name}, {"reason", looked.error().message}});
        }
    }
}

Task<> Monitors::look(std::string name) {
    CO_TRY(Resource monitor, co_await parts_.store.get("Monitor", name));
    CO_TRY(const Spec spec, spec_from(monitor));
    const auto window = parts_.sketches.newest(spec.model, spec.window);
    if (!window) co_return Result<>{};
    auto look = std::make_shared<Look>();
    look->window = *window;
    CO_TRY(look->version, version_of(spec.model, window->bundle));
    CO_TRY(look->reference, co_await reference(window->bundle));
    look->baselines = baselines_from(monitor.status, window->bundle);
    CO_TRY_VOID(co_await observe(spec, look));
    CO_TRY_VOID(co_await hear_people(spec, look));
    auto use_case = co_await parts_.store.get("UseCase", spec.use_case);
    if (use_case)
        look->use_case = std::move(*use_case);
    else if (use_case.error().code != Errc::not_found)
        co_return std::move(use_case).error();
    look->use_case.name = spec.use_case;
    CO_TRY(auto verdict, judge(monitor, spec, *look, parts_.loop.clock().now()));
    if (!verdict) co_return Result<>{};
    if (verdict->alerts)
        log::warn("monitors.alert.raised", {{"monitor", name}, {"says", verdict->note.detail}});
    auto writing = parts_.store.merge_status("Monitor", name, std::move(verdict->changes),
                                             std::move(verdict->note));
    auto written = co_await std::move(writing);
    if (!written) co_return std::move(written).error();
    co_return Result<>{};
}

Result<Resource> Monitors::version_of(const std::string& model, const std::string& bundle) const {
    for (const auto& [name, version] : versions_)
        if (find_string(version.spec, "bundle") == bundle &&
            find_string(version.spec, "model") == model)
            return version;
    return Error{Errc::not_found, "no version of '" + model + "' has bundle " + bundle};
}

Task<Monitors::ReferencePtr> Monitors::reference(std::string bundle) {
    if (const auto found = references_.find(bundle); found != references_.end())
        co_return found->second;
    auto reading = parts_.bundle(bundle);
    CO_TRY(Bytes bytes, co_await std::move(reading));
    auto parse = [bytes = std::move(bytes)]() -> Result<ReferencePtr> {
        TRY(const auto parts, pipeline::unpack(bytes));
        TRY(auto parsed, pipeline::parse_reference(parts.reference));
        return std::make_shared<const pipeline::Reference>(std::move(parsed));
    };
    CO_TRY(ReferencePtr parsed, co_await parts_.workers.run(std::move(parse)));
    if (references_.size() >= options_.references_max) references_.erase(references_.begin());
    references_[bundle] = parsed;
    co_return parsed;
}

Task<> Monitors::observe(Spec spec, LookPtr look) {
    const auto group = [&](const std::string& device) -> std::optional<std::string> {
        const auto found = devices_.find(device);
        if (found == devices_.end()) return std::nullopt;
        return stratum_of(spec, found->second);
    };
    const SketchIndex::Window& window = look->window;
    auto devices = parts_.sketches.counts(spec.model, window.bundle, window.from, group);
    look->windows_per_week = per_week(devices, spec.window);
    look->latency_us = parts_.sketches.latency_us(spec.model, window.bundle, window.from);
    auto read = [reference = look->reference, devices = std::move(devices),
                 baselines = look->baselines, options = spec.fleet] {
        return drift::read_fleet(*reference, devices, baselines, options);
    };
    CO_TRY(look->reading, co_await parts_.workers.run(std::move(read)));
    co_return Result<>{};
}

// Counts matter also when labels can't be read.
Task<> Monitors::hear_people(Spec spec, LookPtr look) {
    QueryRequest request;
    request.sql = answers_sql(spec.model, find_string(look->version.spec, "version").value_or(""));
    auto asking = parts_.query.query(std::move(request));
    auto reply = co_await std::move(asking);
    if (!reply) {
        if (reply.error().code == Errc::cancelled) co_return std::move(reply).error();
        log::warn("monitors.labels.not_read",
                  {{"monitor", spec.name}, {"reason", reply.error().message}});
        co_return Result<>{};
    }
    CO_TRY(look->answers, answers_from(reply->body));
    std::erase_if(look->answers, [&](const Answered& one) {
        const auto found = devices_.find(one.device);
        return found != devices_.end() && !stratum_of(spec, found->second);
    });
    look->decline = decline_of(look->answers);
    co_return Result<>{};
}

Task<Resource> Monitors::acknowledge(std::string name, std::string actor) {
    CO_TRY(Resource monitor, co_await parts_.store.get("Monitor", name));
    const Json* columns = find(monitor.status, "drifting_columns");
    const Json seen = columns ? *columns : Json(JsonArray{});
    CO_TRY(JsonObject changes, advance(monitor, monitor_table(), "acknowledge", "seen by " + actor,
                                       parts_.loop.clock().now()));
    changes["acknowledged_by"] = actor;
    changes["acknowledged_columns"] = seen;
    AuditNote note{actor, "monitor.acknowledge", "the alert has been seen"};
    auto writing = parts_.store.merge_status("Monitor", name, std::move(changes), note);
    co_return co_await std::move(writing);
}

}  // namespace mw::monitors
