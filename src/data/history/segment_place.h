#pragma once
// How a sealed file comes to its place: written in tmp/, synced, moved into its day folder. What a
// crash leaves behind, the next start sweeps. On a worker; blocks.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/history/segment.h"
#include "platform/files/files.h"

namespace mw::history {

// A file on its way.
class SegmentPlace {
 public:
    SegmentPlace(files::Files& files, const std::string& directory, std::string name)
        : files_(files), directory_(directory), name_(std::move(name)) {}

    std::string temporary(Table table) const;
    // Fills in path and bytes. An error leaves nothing in tmp/.
    Result<> keep(SegmentFile& file);
    // temporary() of points and of rollups, with nothing there.
    PointPaths fresh_points() const;
    // keep() of points and of the rollups made beside them, if any; all of them into `kept`.
    Result<> keep_points(SegmentFile points, std::uint64_t rollups, std::vector<SegmentFile>& kept);
    void give_up();

 private:
    files::Files& files_;
    const std::string& directory_;
    std::string name_;
};

std::string_view folder_of(Table table);  // "points", "decisions", "rollups"

// Names in the day folders: the seal's generation, and behind it the number of the rewriting, by
// which files of one generation differ. Of other files in these folders history knows nothing.
struct SegmentName {
    std::uint64_t generation = 0;
    std::uint64_t rewrite = 0;  // 0: as sealed
};
std::string segment_file_name(SegmentName name, const std::string& extension);
std::optional<SegmentName> segment_name_in(std::string_view name);

}  // namespace mw::history
