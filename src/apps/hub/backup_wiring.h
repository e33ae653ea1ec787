#pragma once
// Lets people back the hub up while it runs, one backup at a time, and says at a start that it was
// restored. Control loop; the work is on a thread of its own at low priority.

#include <memory>
#include <optional>
#include <string>

#include "apps/hub/data_plane.h"
#include "data/backup/backup.h"
#include "data/registry/registry.h"
#include "surface/api/api.h"

namespace mw::hub {

class BackupWiring final : public api::BackupDesk {
 public:
    struct Parts {
        Loop& loop;
        files::Files& files;
        const Clock& clock;
        metrics::Registry& metrics;
        DataPlane& data;
        std::string directory;   // the hub's
        std::string sqlite_vfs;  // of its registry
    };
    explicit BackupWiring(Parts parts);

    Task<> admit(Order order) override;
    Task<> start(Order order) override;
    Task<Json> state(nanoseconds wait) override;
    Task<> stop() override;
    Task<> end();  // with the hub: a backup that is being made is given up

 private:
    struct Run {
        std::string directory;
        Timestamp began;
        backup::Progress progress;
        bool stopped = false;
    };
    Task<> run(Order order);
    void tell(const Run& run, const Result<backup::Created>& outcome);

    struct Metrics {
        explicit Metrics(metrics::Registry& registry);
        metrics::Counter& made;
        metrics::Counter& failed;
        metrics::Counter& bytes;
        metrics::Gauge& running;
        metrics::Gauge& last_made;
    };

    Parts parts_;
    Metrics metrics_;
    std::optional<Run> running_;
    Json last_;
    Event ended_;
    Workers workers_{{1, 16, 10, "backup"}};
    Scope scope_;  // last: its task uses the rest
};

// The fact that the directory was restored, once.
Task<> note_restore(files::Files& files, registry::Registry& registry, std::string directory);

}  // namespace mw::hub
