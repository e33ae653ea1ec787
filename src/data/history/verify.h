#pragma once
// What a look at every sealed file found. Plain data.

#include <string>
#include <vector>

#include "data/history/segment.h"
#include "platform/files/files.h"

namespace mw::history {

struct DamagedFile {
    SegmentFile file;  // its path is the catalog's: which rows, of when and of which devices
    std::string why;
};

struct VerifyReport {
    std::size_t files = 0;      // of the catalog
    std::uint64_t bytes = 0;    // of them
    std::size_t unchecked = 0;  // made before checksums were kept: only their size was compared
    std::vector<DamagedFile> damaged;
    // Since the hub started: acknowledged bytes of the log that rotted, and files that were
    // missing.
    std::vector<files::LogDamage> log;
    std::vector<std::string> missing;
    bool sound() const { return damaged.empty() && log.empty() && missing.empty(); }
};

// Compares each file with what the catalog says. cancelled when stopped. Blocks.
Result<VerifyReport> verify_files(files::Files& files, std::vector<SegmentFile> known,
                                  std::stop_token stop);

}  // namespace mw::history
