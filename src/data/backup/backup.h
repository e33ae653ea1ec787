#pragma once
// Backups of a hub, made while it runs, and the way back (docs/backup.md, docs/formats/backup.md).
// create() runs on any loop and does its work on a worker; everything else blocks.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/backup/manifest.h"
#include "data/backup/marker.h"
#include "data/backup/repository.h"
#include "data/history/history.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::backup {

struct Progress {
    std::uint64_t files = 0, files_done = 0;
    std::uint64_t bytes = 0, bytes_done = 0;  // to be copied; what the repository has isn't
};

struct CreateOrder {
    std::string data;                    // the hub's data directory
    std::string repository;              // marked as one
    std::string version;                 // of this program
    bool keys = true;                    // private keys and the administrator's token too
    std::uint64_t bytes_per_second = 0;  // 0: as fast as it can
    std::uint64_t space_kept_free = std::uint64_t{64} << 20;
    std::string sqlite_vfs{};
};
struct Created {
    Manifest manifest;
    std::uint64_t copied_objects = 0;  // the rest was there already
    std::uint64_t copied_bytes = 0;
};
struct CreateParts {  // outlive the call
    files::Files& files;
    Workers& workers;
    const Clock& clock;
};
// How history is held; empty: nobody uses the data directory, and whoever calls has its lock.
using HoldHistory = std::function<Task<history::HistoryHold>()>;
// Told between pieces. An error ends the backup; nothing of it stays.
using Tell = std::function<Result<>(const Progress&)>;

// What was durable when it was called is in the backup, once. Files that were damaged already are
// left out and named. conflict: another backup goes into the same repository.
Task<Created> create(CreateParts parts, CreateOrder order, HoldHistory hold, Tell tell);

struct Damage {
    std::string path;  // below the data directory; of a manifest, below the repository
    std::string why;
};
struct Verified {
    std::string backup;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::vector<Damage> damaged;
    std::vector<LeftOut> left_out;  // by damage, when it was made
    bool sound() const { return damaged.empty(); }
};
// Reads every content that the backups name, each once. Without a name: all backups.
Result<std::vector<Verified>> verify(files::Files& files, const std::string& repository,
                                     const std::string& name, const Tell& tell = {});

struct RestoreOrder {
    std::string repository;
    std::string name{};  // empty: the newest
    std::string data;    // new or empty
    std::string by{};    // for the audit log
    bool accept_damage = false;
};
struct Restored {
    Manifest manifest;
    std::vector<Damage> damaged;  // accepted: left out, or, of logs, as damaged as it is
};
// Every file is written, synced and read again before the directory counts as whole. corrupt names
// what is damaged; then, or after a crash, the same call goes on where it was. A hub opens the
// directory only when it is whole.
Result<Restored> restore(files::Files& files, const Clock& clock, RestoreOrder order,
                         const Tell& tell = {});

struct Pruned {
    std::vector<std::string> removed;
    Repository::Swept swept;
};
// Keeps the newest `keep` backups and what they name.
Result<Pruned> prune(files::Files& files, const std::string& repository, std::size_t keep);

}  // namespace mw::backup
