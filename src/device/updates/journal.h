#pragma once
// What an update must remember over any end of the process: one small file per artifact, replaced
// as a whole before each step (docs/formats/update-journal.md). Blocks.

#include <optional>

#include "device/updates/artifact.h"
#include "platform/files/files.h"

namespace mw::updates {

struct Failed {
    Artifact what;  // not tried again until the entry changes
    Errc code = Errc::io_failed;
    std::string reason;
};

struct Journal {
    Kind kind = Kind::model;
    std::string name;
    std::string state = "steady";
    std::optional<Artifact> target;     // under way
    std::optional<Artifact> committed;  // what runs, or is gone back to
    std::optional<Failed> failed;
    std::uint64_t counter_highest = 0;  // that was ever committed; never falls
    std::string counter_sha256;         // the file that it was about
    unsigned starts = 0;                // of the process since the target was staged
    Json memory = JsonObject{};         // the installer's
};

// Where a device keeps them: DIR/updates/models/NAME.json, DIR/updates/firmware/NAME.json.
std::string journal_path(const std::string& directory, Kind kind, std::string_view name);

Result<> save(files::Files& files, const std::string& directory, const Journal& journal);
// An empty journal when there is none; corrupt when it is none of ours.
Result<Journal> load(files::Files& files, const std::string& directory, Kind kind,
                     std::string_view name);
// The names that have one.
Result<std::vector<std::string>> journals(files::Files& files, const std::string& directory,
                                          Kind kind);

}  // namespace mw::updates
