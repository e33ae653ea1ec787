// The sealed files that history knows, and who may change the catalog.
#include <algorithm>
#include <unordered_set>

#include "data/history/catalog_turn.h"
#include "data/history/state.h"

namespace mw::history {

Task<History::State::CatalogTurn> History::State::take_catalog_turn() {
    CO_TRY(auto token, co_await catalog_turns_.receive());
    (void)token;  // its absence is what counts
    co_return CatalogTurn(catalog_turns_);
}

void History::State::add_file(SegmentFile file) {
    if (file.table == Table::points) sealed_points_ += file.rows;
    file.path = files::join(options_.directory, file.path);
    auto now = parts_.loop.clock().steady();
    file.hold = std::make_shared<const SegmentFile::Hold>(SegmentFile::Hold{now});
    auto place = std::upper_bound(
        files_.begin(), files_.end(), file.generation,
        [](std::uint64_t generation, const auto& f) { return generation < f.generation; });
    files_.insert(place, std::move(file));
}

void History::State::remove_files(const std::vector<std::string>& paths) {
    std::unordered_set<std::string> gone;
    for (const auto& path : paths) gone.insert(files::join(options_.directory, path));
    for (auto& file : files_) {
        if (!gone.contains(file.path)) continue;
        if (file.table == Table::points) sealed_points_ -= file.rows;
        doomed_.push_back(std::move(file));
        file.path.clear();
    }
    std::erase_if(files_, [](const auto& file) { return file.path.empty(); });
}

void History::State::list_known_files(CatalogEntry& entry) const {
    for (const auto& file : files_) {
        entry.files.push_back(file);
        entry.files.back().path = path_in_catalog(file);
        entry.files.back().hold.reset();
    }
}

std::string History::State::path_in_catalog(const SegmentFile& file) const {
    return file.path.substr(options_.directory.size() + 1);
}

}  // namespace mw::history
