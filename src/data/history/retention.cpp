#include "data/history/retention.h"

#include <algorithm>
#include <map>
#include <unordered_set>

namespace mw::history {
namespace {

constexpr nanoseconds for_ever = nanoseconds::max();

struct Kept {
    nanoseconds shortest = for_ever;
    nanoseconds longest{0};
    void see(nanoseconds keep) {
        if (keep.count() <= 0) keep = for_ever;
        shortest = std::min(shortest, keep);
        longest = std::max(longest, keep);
    }
};
using KeptByDevice = std::map<std::string, Kept, std::less<>>;

KeptByDevice kept_by_device(const SeriesDirectory& series, const Retention& retention) {
    KeptByDevice kept;
    for (std::uint32_t i = 0; i < series.size(); ++i) {
        const auto& entry = series.at({i});
        if (!entry.device.empty()) kept[entry.device].see(retention.of(entry.device, entry.signal));
    }
    return kept;
}

Kept kept_in(const SegmentFile& file, const KeptByDevice& devices, const Retention& retention) {
    Kept kept;
    if (file.table == Table::decisions) kept.see(retention.otherwise);
    if (file.table == Table::decisions) return kept;
    for (auto at = devices.lower_bound(file.device_first);
         at != devices.end() && at->first <= file.device_last; ++at) {
        kept.shortest = std::min(kept.shortest, at->second.shortest);
        kept.longest = std::max(kept.longest, at->second.longest);
    }
    if (kept.longest.count() == 0) kept.see(retention.otherwise);  // of no series that we know
    return kept;
}

bool older(const SegmentFile& file, nanoseconds keep, Timestamp now) {
    return keep != for_ever && now.ns > keep.count() && file.time_max < now - keep;
}

// A month does not wait for its last day.
bool begins_older(const SegmentFile& file, nanoseconds keep, Timestamp now) {
    return keep != for_ever && now.ns > keep.count() && file.time_max - file.time_min > hours{24} &&
           file.time_min + hours{24} < now - keep;
}

}  // namespace

RetentionPlan plan_retention(const std::vector<SegmentFile>& files, const SeriesDirectory& series,
                             const Retention& retention, Timestamp now) {
    RetentionPlan plan;
    const auto devices = kept_by_device(series, retention);
    for (const auto& file : files) {
        if (file.table == Table::rollups) continue;  // they follow their points
        const auto kept = kept_in(file, devices, retention);
        if (older(file, kept.longest, now)) {
            plan.drop.push_back(file.path);
            plan.drop.push_back(rollups_of(file.path));
        } else if (older(file, kept.shortest, now) || begins_older(file, kept.shortest, now)) {
            plan.rewrite.push_back(file);
        }
    }
    std::unordered_set<std::string> known;
    for (const auto& file : files) known.insert(file.path);
    std::erase_if(plan.drop, [&](const auto& path) { return !known.contains(path); });
    return plan;
}

Erasure too_old(RetentionSnapshot retention, Timestamp now) {
    return [retention, now](const std::string& device, const std::string& signal) {
        std::vector<Span> spans;
        auto keep = retention->of(device, signal);
        if (keep.count() > 0 && now.ns > keep.count())
            spans.push_back({time_lowest, now - keep - nanoseconds{1}});
        return spans;
    };
}

}  // namespace mw::history
