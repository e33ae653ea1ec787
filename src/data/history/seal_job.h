#pragma once
// One seal, as a worker does it: files per UTC day, synced and moved into their folders, then the
// catalog. Owns copies of all it needs; running it again after a failure is safe.

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
    Catalog& catalog;
    std::string directory;
    std::shared_ptr<const HeadSnapshot> head{};
    ContextSnapshot context{};
    std::vector<SeriesRef> declare{};  // series that the catalog shall know
    CatalogEntry entry{};              // all but series and the new files
    std::size_t old_files = 0;         // of entry.files: those of earlier generations
    std::uint64_t rows = 0;            // of the new files
};

// Errors: what the disk or the writer said; io_failed when the writer wrote other rows than given.
Result<> perform(SealJob& job);

// "day=2026-11-22"
std::string day_folder(Timestamp time);
std::string_view folder_of(Table table);  // "points", "decisions"
// The file's name in its day folder, and the generation in a name; nothing: another kind of file.
std::string segment_file_name(std::uint64_t generation, const std::string& extension);
std::optional<std::uint64_t> generation_in(std::string_view name);

}  // namespace mw::history
