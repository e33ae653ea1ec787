#include "device/agent/model_installer.h"

#include <cstdlib>

#include "base/log.h"
#include "device/agent/measure.h"
#include "device/isolation/isolation.h"
#include "insight/native/native.h"
#include "platform/process/process.h"

namespace mw::agent {
namespace {

constexpr std::uint64_t bundle_bytes_max = std::uint64_t{300} << 20;
constexpr nanoseconds measure_limit = seconds{60};

Result<> compare(std::string_view what, double measured, double allowed) {
    if (measured <= allowed) return {};
    return Error{Errc::denied, std::string(what) + " is " + std::to_string(measured) +
                                   " on this device, the budget is " + std::to_string(allowed)};
}

}  // namespace

// The file alone is enough: models live in memory.
Task<Json> ModelInstaller::stage(updates::Work) { co_return Json(JsonObject{}); }

// Ours, or one that keeps the model apart as its limits say. Called by a worker.
Result<std::shared_ptr<inference::Engine>> ModelInstaller::engine_for(
    const updates::Artifact& artifact) {
    TRY(const isolation::Limits limits, isolation::limits_of(artifact.limits));
    if (limits.process) {
        if (parts_.program.empty())
            return Error{Errc::invalid_input,
                         "limits.isolation: this program has no process for a model"};
        isolation::Isolated apart;
        apart.model = artifact.name;
        apart.arguments = {parts_.program, "serve-model", "--"};
        if (const char* library = std::getenv("MILLWRIGHT_ORT"))
            apart.environment.push_back(std::string("MILLWRIGHT_ORT=") + library);
        apart.limits = limits;
        return isolation::open_isolated(std::move(apart), parts_.clock);
    }
    if (!engine_) {
        TRY(engine_, native::open_engine());
    }
    if (!limits.deadline) return engine_;
    return isolation::with_deadline(engine_, artifact.name, *limits.deadline, parts_.clock);
}

Task<pipeline::LoadedBundle> ModelInstaller::load(updates::Artifact artifact, std::string file) {
    auto job = [this, artifact, file]() -> Result<pipeline::LoadedBundle> {
        TRY(const Bytes bytes, files::read_all(parts_.files, file, bundle_bytes_max));
        TRY(const auto engine, engine_for(artifact));
        return pipeline::load_bundle(bytes, *engine, parts_.clock, artifact.sha256);
    };
    co_return co_await parts_.workers.run(std::move(job));
}

// Known input must give known output, within what it may cost here.
Task<Json> ModelInstaller::test(updates::Work work) {
    CO_TRY(auto bundle, co_await load(work.next, work.file));
    CO_TRY_VOID(co_await check_budget(work.next, work.file));
    tested_.erase(work.next.name);
    tested_.emplace(work.next.name, Tested{std::move(bundle), work.next.limits});
    co_return work.memory;
}

Task<> ModelInstaller::check_budget(updates::Artifact artifact, std::string file) {
    const auto& budget = artifact.budget;
    if (!budget.latency_us_p99 && !budget.memory_bytes) co_return Result<>{};
    CO_TRY(const Json figures, co_await measure(std::move(file)));
    const double latency = find_number(figures, "latency_us_p99").value_or(0);
    const double memory = find_number(figures, "peak_rss_bytes").value_or(0);
    log::info("edge.update.measured",
              {{"model", artifact.name}, {"latency_us_p99", latency}, {"peak_rss_bytes", memory}});
    if (budget.latency_us_p99)
        CO_TRY_VOID(compare("latency_us_p99", latency, *budget.latency_us_p99));
    if (budget.memory_bytes)
        CO_TRY_VOID(compare("peak_rss_bytes", memory, static_cast<double>(*budget.memory_bytes)));
    co_return Result<>{};
}

// In a process of its own, whose memory is the bundle's.
Task<Json> ModelInstaller::measure(std::string file) {
    if (parts_.program.empty()) {
        auto job = [this, file]() -> Result<Json> {
            TRY(const Bytes bytes, files::read_all(parts_.files, file, bundle_bytes_max));
            if (!engine_) {
                TRY(engine_, native::open_engine());
            }
            return measure_bundle(bytes, *engine_, parts_.clock);
        };
        co_return co_await parts_.workers.run(std::move(job));
    }
    process::Command command;
    command.arguments = {parts_.program, "measure", "--bundle", file};
    command.limit = measure_limit;
    if (const char* library = std::getenv("MILLWRIGHT_ORT"))
        command.environment.push_back(std::string("MILLWRIGHT_ORT=") + library);
    CO_TRY(const auto ended, co_await process::run(std::move(command)));
    if (!ended.ok())
        co_return Error{Errc::io_failed, "measuring the bundle " + process::describe(ended)};
    co_return parse_json(ended.output);
}

Task<> ModelInstaller::install(updates::Artifact artifact, pipeline::LoadedBundle bundle) {
    Surroundings around = parts_.surroundings();
    Assignment assignment{parts_.device, around.asset, artifact.name, artifact.version};
    log::info("edge.model.opened", {{"model", artifact.name},
                                    {"engine", bundle.pipeline.model().engine()},
                                    {"remark", bundle.pipeline.model().remark()}});
    auto runner = std::make_unique<ModelRunner>(std::move(assignment), std::move(bundle));
    auto recordings = around.recordings;
    CO_TRY_VOID(co_await parts_.processor.install(std::move(runner), std::move(recordings)));
    ignore(process::trim_memory(), "the bundle is read: what that took is free");
    co_return Result<>{};
}

Task<Json> ModelInstaller::switch_over(updates::Work work) {
    const auto found = tested_.find(work.next.name);
    if (found != tested_.end() && found->second.bundle.id == work.next.sha256 &&
        found->second.limits == work.next.limits) {
        pipeline::LoadedBundle bundle = std::move(found->second.bundle);
        tested_.erase(found);
        CO_TRY_VOID(co_await install(work.next, std::move(bundle)));
    } else {  // tested before the agent was restarted
        CO_TRY_VOID(co_await bring_up(work.next, work.file));
    }
    log::info("edge.model.loaded", {{"model", work.next.name}, {"version", work.next.version}});
    co_return work.memory;
}

Task<Json> ModelInstaller::reboot(updates::Work work, bool) { co_return work.memory; }
Task<> ModelInstaller::commit(updates::Work) { co_return Result<>{}; }

Task<> ModelInstaller::revert(updates::Work work) {
    if (work.previous) {
        auto back = co_await bring_up(*work.previous, work.previous_file);
        if (back || back.error().code == Errc::cancelled) co_return back;
        // Better no decisions than those of a model that failed.
        ignore(co_await parts_.processor.uninstall(work.next.name), "said below");
        co_return back;
    }
    co_return co_await parts_.processor.uninstall(work.next.name);
}

Task<> ModelInstaller::clean_up(updates::Work work) {
    tested_.erase(work.next.name);
    co_return Result<>{};
}

Task<> ModelInstaller::bring_up(updates::Artifact artifact, std::string file) {
    CO_TRY(auto bundle, co_await load(artifact, std::move(file)));
    co_return co_await install(std::move(artifact), std::move(bundle));
}

Task<> ModelInstaller::remove(updates::Artifact artifact) {
    log::info("edge.model.removed", {{"model", artifact.name}});
    co_return co_await parts_.processor.uninstall(artifact.name);
}

updates::Figures ModelInstaller::figures(const std::string& name) const {
    const auto& models = parts_.processor.models();
    const auto found = models.find(name);
    if (found == models.end()) return {};
    const ModelRunner& runner = *found->second;
    // What was decided without a window tells nothing of the version.
    return {runner.decisions() - runner.stale_decisions(), runner.failures()};
}

}  // namespace mw::agent
