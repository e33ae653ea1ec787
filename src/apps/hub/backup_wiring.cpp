#include "apps/hub/backup_wiring.h"

#include "base/log.h"

namespace mw::hub {
namespace {

constexpr std::size_t damaged_in_fact = 5;

Json outcome_json(const backup::Created& created) {
    JsonArray left_out;
    for (const auto& out : created.manifest.left_out)
        if (!out.secret) left_out.push_back(JsonObject{{"path", out.path}, {"why", out.why}});
    return JsonObject{
        {"name", created.manifest.name},        {"files", created.manifest.files.size()},
        {"bytes", created.manifest.bytes()},    {"copied_objects", created.copied_objects},
        {"copied_bytes", created.copied_bytes}, {"facts", created.manifest.facts},
        {"left_out", std::move(left_out)}};
}

}  // namespace

BackupWiring::Metrics::Metrics(metrics::Registry& registry)
    : made(registry.counter("millwright_backup_runs_total", "Backups, by how they ended.",
                            {{"outcome", "made"}})),
      failed(registry.counter("millwright_backup_runs_total", "Backups, by how they ended.",
                              {{"outcome", "failed"}})),
      bytes(registry.counter("millwright_backup_copied_bytes_total",
                             "Bytes that backups added to their repositories.")),
      running(registry.gauge("millwright_backup_running", "1 while a backup is made.")),
      last_made(registry.gauge("millwright_backup_last_made_timestamp_seconds",
                               "When the last backup of this life of the hub was whole.")) {}

BackupWiring::BackupWiring(Parts parts)
    : parts_(std::move(parts)), metrics_(parts_.metrics), scope_(parts_.loop) {}

Task<> BackupWiring::admit(Order order) {
    if (running_)
        co_return Error{Errc::conflict, "a backup to " + running_->directory +
                                            " is being made. Next step: wait for its end, or "
                                            "millwright backup stop"};
    auto look = [&files = parts_.files, directory = std::move(order.directory)]() -> Result<> {
        TRY(const auto repository, backup::Repository::open(files, directory));
        (void)repository;
        return {};
    };
    co_return co_await workers_.run(std::move(look));
}

Task<> BackupWiring::start(Order order) {
    if (running_) co_return Error{Errc::conflict, "a backup is being made"};
    running_ = Run{order.directory, parts_.clock.now(), {}, false};
    ended_.reset();
    metrics_.running.set(1);
    scope_.spawn(run(std::move(order)));
    co_return Result<>{};
}

Task<> BackupWiring::run(Order order) {
    backup::CreateOrder wanted;
    wanted.data = parts_.directory;
    wanted.repository = order.directory;
    wanted.version = MW_VERSION;
    wanted.keys = order.keys;
    wanted.bytes_per_second = order.bytes_per_second;
    wanted.sqlite_vfs = parts_.sqlite_vfs;
    backup::HoldHistory hold = [this] { return parts_.data.hold_history(); };
    backup::Tell progress = [this](const backup::Progress& progress) -> Result<> {
        running_->progress = progress;
        if (running_->stopped) return Error{Errc::cancelled, "somebody stopped it"};
        return {};
    };
    auto making = backup::create({parts_.files, workers_, parts_.clock}, std::move(wanted),
                                 std::move(hold), std::move(progress));
    const auto outcome = co_await std::move(making);
    tell(*running_, outcome);
    running_.reset();
    metrics_.running.set(0);
    ended_.set();
    co_return Result<>{};
}

void BackupWiring::tell(const Run& run, const Result<backup::Created>& outcome) {
    (outcome ? metrics_.made : metrics_.failed).add();
    last_ = outcome ? outcome_json(*outcome) : Json(JsonObject{{"error", outcome.error().message}});
    set(last_, "directory", Json(run.directory));
    set(last_, "began", Json(to_iso8601(run.began)));
    set(last_, "ended", Json(to_iso8601(parts_.clock.now())));
    if (!outcome && outcome.error().code == Errc::cancelled)
        return log::info("hub.backup.stopped", {{"directory", run.directory}});
    if (!outcome)
        return log::error("hub.backup.failed",
                          {{"directory", run.directory}, {"why", outcome.error()}});
    metrics_.bytes.add(outcome->copied_bytes);
    metrics_.last_made.set(double(parts_.clock.now().ns) * 1e-9);
    log::info("hub.backup.made", {{"directory", run.directory},
                                  {"name", outcome->manifest.name},
                                  {"files", outcome->manifest.files.size()},
                                  {"copied_bytes", outcome->copied_bytes}});
}

Task<Json> BackupWiring::state(nanoseconds wait) {
    if (running_ && wait.count() > 0)
        ignore(co_await within(wait, ended_.wait()), "it is not over yet");
    Json now = JsonObject{{"running", nullptr}, {"last", last_}};
    if (running_)
        set(now, "running",
            JsonObject{{"directory", running_->directory},
                       {"began", to_iso8601(running_->began)},
                       {"files", running_->progress.files},
                       {"files_done", running_->progress.files_done},
                       {"bytes", running_->progress.bytes},
                       {"bytes_done", running_->progress.bytes_done}});
    co_return std::move(now);
}

Task<> BackupWiring::stop() {
    if (!running_) co_return Error{Errc::not_found, "no backup is being made"};
    running_->stopped = true;
    while (running_) CO_TRY_VOID(co_await ended_.wait());
    co_return Result<>{};
}

Task<> BackupWiring::end() {
    scope_.cancel();
    co_return co_await scope_.join();
}

Task<> note_restore(files::Files& files, registry::Registry& registry, std::string directory) {
    CO_TRY(const auto marker, backup::read_marker(files, directory, backup::restored_name));
    if (!marker) co_return Result<>{};
    std::string detail = "backup " + marker->backup + " from " + marker->repository;
    for (std::size_t i = 0; i < marker->damaged.size() && i < damaged_in_fact; ++i)
        detail += (i == 0 ? "; damaged, and so not as they were: " : ", ") + marker->damaged[i];
    if (marker->damaged.size() > damaged_in_fact)
        detail += " and " + std::to_string(marker->damaged.size() - damaged_in_fact) + " more";
    log::warn("hub.restored", {{"backup", marker->backup}, {"from", marker->repository}});
    AuditNote note{marker->by.empty() ? "hub" : marker->by,
                   std::string(audit::action::backup_restore), std::move(detail)};
    CO_TRY_VOID(co_await registry.note(std::move(note)));
    co_return backup::remove_marker(files, directory, backup::restored_name);
}

}  // namespace mw::hub
