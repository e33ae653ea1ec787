#include "data/history/compaction.h"

#include <algorithm>
#include <map>
#include <set>

#include "data/history/slices.h"

namespace mw::history {
namespace {

using Files = std::vector<const SegmentFile*>;  // by generation
struct DayFiles {
    Files sealed;
    Files compacted;                // of slices that sealed ones touch
    std::set<std::int64_t> slices;  // touched by sealed ones
};
struct MonthFiles {
    Files all;
    std::set<std::int64_t> days;
    std::uint64_t rows = 0;
    std::size_t wide = 0, sealed = 0;
};

void touch(const SegmentFile& file, std::set<std::int64_t>& slices) {
    auto last = slice_of(file.time_max);
    for (auto slice = slice_of(file.time_min); slice <= last; ++slice) slices.insert(slice);
}

bool touches(const SegmentFile& file, const std::set<std::int64_t>& slices) {
    const auto first = slices.lower_bound(slice_of(file.time_min));
    return first != slices.end() && *first <= slice_of(file.time_max);
}

std::map<std::int64_t, MonthFiles> by_month(const std::vector<SegmentFile>& files) {
    std::map<std::int64_t, MonthFiles> months;
    for (const auto& file : files) {
        if (file.table != Table::points) continue;
        auto& month = months[month_of(file.time_min)];
        month.all.push_back(&file);
        month.days.insert(day_of(file.time_min));
        month.rows += file.rows;
        month.wide += is_wide(file) ? 1 : 0;
        month.sealed += file.compacted ? 0 : 1;
    }
    return months;
}

// Of months that are not one file already.
std::map<std::int64_t, DayFiles> by_day(const std::vector<SegmentFile>& files,
                                        const std::map<std::int64_t, MonthFiles>& months) {
    std::map<std::int64_t, DayFiles> days;
    const auto counts = [&](const SegmentFile& file, bool compacted) {
        return file.table == Table::points && file.compacted == compacted &&
               months.at(month_of(file.time_min)).wide == 0;
    };
    for (const auto& file : files) {
        if (!counts(file, false)) continue;
        auto& day = days[day_of(file.time_min)];
        day.sealed.push_back(&file);
        touch(file, day.slices);
    }
    for (const auto& file : files) {
        if (!counts(file, true)) continue;
        auto day = days.find(day_of(file.time_min));
        if (day != days.end() && touches(file, day->second.slices))
            day->second.compacted.push_back(&file);
    }
    return days;
}

std::uint64_t rows_of(const Files& files) {
    std::uint64_t rows = 0;
    for (const auto* file : files) rows += file->rows;
    return rows;
}

bool is_quiet(const Files& files, const CompactionRule& rule, nanoseconds since) {
    return std::ranges::all_of(files, [&](const SegmentFile* file) {
        return !file->hold || rule.now - file->hold->since >= since;
    });
}

// Not before about a slice has come together, and not to rewrite much for the sake of a little.
bool is_due(const DayFiles& day, const CompactionRule& rule) {
    if (day.sealed.size() + day.compacted.size() < 2) return false;
    if (rule.at_once || day.sealed.size() >= rule.files_max) return true;
    auto from = time_highest, to = time_lowest;
    for (const auto* file : day.sealed) {
        from = std::min(from, file->time_min);
        to = std::max(to, file->time_max);
    }
    if (is_quiet(day.sealed, rule, rule.quiet)) return true;
    bool whole = slice_of(to) > slice_of(from) && to - from >= hours{4};
    return whole && rows_of(day.sealed) >= rows_of(day.compacted) / 4;
}

bool is_due(const MonthFiles& month, const CompactionRule& rule) {
    if (month.wide > 0)  // and points came late
        return month.sealed > 0 && (rule.at_once || month.sealed >= rule.files_max ||
                                    is_quiet(month.all, rule, rule.quiet));
    return month.days.size() > 1 && month.rows <= month_rows_max &&
           (rule.at_once || is_quiet(month.all, rule, rule.over));
}

std::optional<Compaction> choose(Files files, const CompactionRule& rule) {
    std::ranges::stable_sort(files, {}, &SegmentFile::generation);
    // The newest ones may wait: they are not older than anything that the rest becomes.
    if (files.size() > rule.files_max) files.resize(rule.files_max);
    Compaction chosen;
    for (const auto* file : files) chosen.inputs.push_back(*file);
    if (rule.skip.contains(day_of(chosen.inputs.front().time_min))) return std::nullopt;
    return chosen;
}

void cut_into_slices(Compaction& chosen) {
    std::set<std::int64_t> slices;
    for (const auto& file : chosen.inputs) touch(file, slices);
    for (const auto slice : slices) chosen.spans.push_back(span_of_slice(slice));
}

std::optional<Compaction> choose_month(const std::map<std::int64_t, MonthFiles>& months,
                                       const CompactionRule& rule) {
    for (const auto& [number, month] : months) {
        const bool newest = number == months.rbegin()->first;
        if ((newest && month.wide == 0) || !is_due(month, rule)) continue;
        auto chosen = choose(month.all, rule);
        if (!chosen) continue;
        if (month.rows <= month_rows_max)
            chosen->spans = {span_of_month(number)};
        else
            cut_into_slices(*chosen);
        return chosen;
    }
    return std::nullopt;
}

}  // namespace

bool is_wide(const SegmentFile& file) { return day_of(file.time_min) != day_of(file.time_max); }

std::vector<Span> spans_of(const SegmentFile& file) {
    std::vector<Span> spans;
    const bool wide = is_wide(file);
    const auto number = [wide](Timestamp time) { return wide ? month_of(time) : slice_of(time); };
    for (auto at = number(file.time_min); at <= number(file.time_max); ++at)
        spans.push_back(wide ? span_of_month(at) : span_of_slice(at));
    return spans;
}

std::optional<Compaction> choose_compaction(const std::vector<SegmentFile>& files,
                                            const CompactionRule& rule) {
    const auto months = by_month(files);
    for (const auto& [number, day] : by_day(files, months)) {
        if (!is_due(day, rule)) continue;
        Files all = day.compacted;
        all.insert(all.end(), day.sealed.begin(), day.sealed.end());
        auto chosen = choose(std::move(all), rule);
        if (!chosen) continue;
        cut_into_slices(*chosen);
        return chosen;
    }
    return choose_month(months, rule);
}

}  // namespace mw::history
