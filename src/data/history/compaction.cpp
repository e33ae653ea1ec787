#include "data/history/compaction.h"

#include <algorithm>
#include <map>
#include <set>

#include "data/history/slices.h"

namespace mw::history {
namespace {

struct DayFiles {
    std::vector<const SegmentFile*> sealed;     // by generation
    std::vector<const SegmentFile*> compacted;  // of slices that sealed ones touch
    std::set<std::int64_t> slices;              // touched by sealed ones
};

void touch(const SegmentFile& file, std::set<std::int64_t>& slices) {
    auto last = slice_of(file.time_max);
    for (auto slice = slice_of(file.time_min); slice <= last; ++slice) slices.insert(slice);
}

std::map<std::int64_t, DayFiles> by_day(const std::vector<SegmentFile>& files) {
    std::map<std::int64_t, DayFiles> days;
    for (const auto& file : files) {
        if (file.table != Table::points || file.compacted) continue;
        auto& day = days[day_of(file.time_min)];
        day.sealed.push_back(&file);
        touch(file, day.slices);
    }
    for (const auto& file : files) {
        if (file.table != Table::points || !file.compacted) continue;
        auto day = days.find(day_of(file.time_min));
        if (day != days.end() && day->second.slices.contains(slice_of(file.time_min)))
            day->second.compacted.push_back(&file);
    }
    return days;
}

std::uint64_t rows_of(const std::vector<const SegmentFile*>& files) {
    std::uint64_t rows = 0;
    for (const auto* file : files) rows += file->rows;
    return rows;
}

// Not before about a slice has come together, and not to rewrite much for the sake of a little.
bool is_due(const DayFiles& day, const CompactionRule& rule) {
    if (day.sealed.size() + day.compacted.size() < 2) return false;
    if (rule.at_once || day.sealed.size() >= rule.files_max) return true;
    auto from = time_highest, to = time_lowest;
    bool quiet = true;
    for (const auto* file : day.sealed) {
        from = std::min(from, file->time_min);
        to = std::max(to, file->time_max);
        quiet &= !file->hold || rule.now - file->hold->since >= rule.quiet;
    }
    if (quiet) return true;
    bool whole = slice_of(to) > slice_of(from) && to - from >= hours{4};
    return whole && rows_of(day.sealed) >= rows_of(day.compacted) / 4;
}

}  // namespace

std::optional<Compaction> choose_compaction(const std::vector<SegmentFile>& files,
                                            const CompactionRule& rule) {
    for (const auto& [number, day] : by_day(files)) {
        if (rule.skip.contains(number) || !is_due(day, rule)) continue;
        Compaction chosen;
        auto take = [&chosen](const SegmentFile* file) { chosen.inputs.push_back(*file); };
        std::for_each(day.compacted.begin(), day.compacted.end(), take);
        std::for_each(day.sealed.begin(), day.sealed.end(), take);
        std::stable_sort(chosen.inputs.begin(), chosen.inputs.end(),
                         [](const auto& a, const auto& b) { return a.generation < b.generation; });
        // The newest ones may wait: they are not older than anything that the rest becomes.
        if (chosen.inputs.size() > rule.files_max) chosen.inputs.resize(rule.files_max);
        std::set<std::int64_t> slices;
        for (const auto& file : chosen.inputs) touch(file, slices);
        chosen.slices.assign(slices.begin(), slices.end());
        return chosen;
    }
    return std::nullopt;
}

}  // namespace mw::history
