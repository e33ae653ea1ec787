#pragma once
// What a restore leaves in a data directory: while it goes on, that it does; afterwards, what it
// was. A hub reads both before anything else. Calls block.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "data/backup/manifest.h"
#include "platform/files/files.h"

namespace mw::backup {

inline constexpr std::string_view unfinished_name = "restore-unfinished.json";
inline constexpr std::string_view restored_name = "restored.json";

// Names a backup and who restores it.
struct Marker {
    std::string repository;
    std::string backup;
    std::string by;                      // "os:root"
    Timestamp at;                        // when it began; in restored.json: when it ended
    std::vector<std::string> damaged{};  // restored.json: paths that are not as they were
};

Result<std::optional<Marker>> read_marker(files::Files& files, const std::string& data,
                                          std::string_view name);
Result<> write_marker(files::Files& files, const std::string& data, std::string_view name,
                      const Marker& marker);  // durable when it returns
Result<> remove_marker(files::Files& files, const std::string& data, std::string_view name);

// conflict when a restore into this directory has begun and not ended: it must not be used.
Result<> check_whole(files::Files& files, const std::string& data);

}  // namespace mw::backup
