#pragma once
// One compaction, as a worker does it: merges the inputs into a file per span, with rollups,
// synced and moved into the day's folder. Nobody knows the new files until the catalog has them.

#include <string>
#include <vector>

#include "data/history/catalog.h"
#include "data/history/compaction.h"
#include "platform/files/files.h"

namespace mw::history {

struct CompactJob {
    files::Files& files;
    SegmentWriter& writer;
    std::string directory;
    Compaction work{};
    std::uint64_t first_rewrite = 1;  // a number for each span, not used before
    Erasure erase{};
    bool only_if_erased = false;  // of one input: it stays as it is unless rows go
    CatalogEntry entry{};         // the new files; what is replaced, the loop adds
    std::uint64_t repeats = 0;
    std::uint64_t erased = 0;
};

// Errors: cancelled; what the disk or the writer said; io_failed when a row is missing or there
// twice. Then no file is left behind.
Result<> write_files(CompactJob& job, std::stop_token stop);

}  // namespace mw::history
