#pragma once
// Which files to compact next: pure. Files of points of one UTC day, among them all that are as the
// seals left them, are merged into one file per slice of 4 h. So within a slice no two compacted
// files lie, and what compaction leaves alone shares no row with what it merges, or is newer.

#include <optional>
#include <set>
#include <vector>

#include "data/history/segment.h"

namespace mw::history {

struct CompactionRule {
    SteadyTime now;
    nanoseconds quiet = hours{1};   // a day without new files for so long is not waited for
    std::size_t files_max = 64;     // merged at a time: each takes some MiB
    bool at_once = false;           // without waiting for more
    std::set<std::int64_t> skip{};  // days that are not asked about
};

struct Compaction {
    std::vector<SegmentFile> inputs;   // by generation; all of one day
    std::vector<std::int64_t> slices;  // that they touch
};

std::optional<Compaction> choose_compaction(const std::vector<SegmentFile>& files,
                                            const CompactionRule& rule);

}  // namespace mw::history
