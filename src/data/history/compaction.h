#pragma once
// Which files to compact next: pure. Files of points of one UTC day, among them all that are as the
// seals left them, are merged into one file per slice of 4 h. Of a month that is over and has few
// points, all files become one (ADR 0029); where points come late, the month is merged again, or
// cut into slices when they are many. So within a slice no two compacted files lie, and what
// compaction leaves alone shares no row with what it merges, or is newer.

#include <optional>
#include <set>
#include <vector>

#include "data/history/segment.h"

namespace mw::history {

struct CompactionRule {
    SteadyTime now;
    nanoseconds quiet = hours{1};   // a day without new files for so long is not waited for
    nanoseconds over = hours{24};   // and neither is a month, behind which others have begun
    std::size_t files_max = 64;     // merged at a time: each takes some MiB
    bool at_once = false;           // without waiting for more
    std::set<std::int64_t> skip{};  // days that are not asked about
};

struct Compaction {
    std::vector<SegmentFile> inputs;  // by generation; all of one day, or of one month
    std::vector<Span> spans;          // of what is made of them, a file each: all that they touch
};

// A month with no more points than these, eleven a minute, becomes one file.
inline constexpr std::uint64_t month_rows_max = 500'000;
bool is_wide(const SegmentFile& file);  // of more than a day
// The slices that a file touches, or its months.
std::vector<Span> spans_of(const SegmentFile& file);

std::optional<Compaction> choose_compaction(const std::vector<SegmentFile>& files,
                                            const CompactionRule& rule);

}  // namespace mw::history
