#pragma once
// One seal, as a worker does it: files per UTC day, synced and moved into their folders. Owns
// copies of all it needs; running it again after a failure is safe. Entering them in the catalog is
// a step of its own (seal.cpp).

#include <memory>
#include <string>
#include <vector>

#include "data/history/catalog.h"
#include "data/history/head_snapshot.h"
#include "data/history/segment.h"
#include "platform/files/files.h"

namespace mw::history {

struct SealJob {
    files::Files& files;
    SegmentWriter& writer;
    std::string directory;
    std::shared_ptr<const HeadSnapshot> head{};
    ContextSnapshot context{};
    std::vector<SeriesRef> declare{};  // series that the catalog shall know
    CatalogEntry entry{};              // all but series and files
    std::size_t new_files = 0;         // of entry.files; a full entry has older ones behind them
    std::uint64_t rows = 0;            // of the new files
    std::shared_ptr<const void> garbage{};  // the generation, in the end: freed with the job
};

// Makes the files and completes the entry. Errors: what the disk or the writer said; io_failed when
// the writer wrote other rows than given.
Result<> write_files(SealJob& job);

}  // namespace mw::history
