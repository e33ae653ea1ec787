#include "data/history/seal_job.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <set>

namespace mw::history {
namespace {

constexpr std::int64_t day_ns = 86'400'000'000'000;
constexpr std::size_t name_digits = 20;

std::int64_t day_of(Timestamp time) { return time.ns / day_ns - (time.ns % day_ns < 0 ? 1 : 0); }

// The first and last instant of a day that a Timestamp can say.
struct Day {
    Timestamp from, to;
};
Day bounds_of(std::int64_t day) {
    auto from = day == day_of(time_lowest) ? time_lowest : Timestamp{day * day_ns};
    auto to = day == day_of(time_highest) ? time_highest : Timestamp{(day + 1) * day_ns - 1};
    return {from, to};
}

std::set<std::int64_t> days_of(const HeadSnapshot& head) {
    std::set<std::int64_t> days;
    auto last = std::numeric_limits<std::int64_t>::max();
    auto see = [&](Timestamp time) {
        if (auto day = day_of(time); day != last) days.insert(last = day);
    };
    for (std::size_t i = 0; i < head.series(); ++i) {
        auto ordered = head.ordered_pieces(i);
        std::size_t first = 0;
        if (ordered > 0) {  // in the order of time: mostly one look at either end is enough
            auto begin = head.piece(i, 0).times.front();
            if (day_of(begin) == day_of(head.piece(i, ordered - 1).times.back())) {
                see(begin);
                first = ordered;
            }
        }
        for (std::size_t p = first; p < head.pieces(i); ++p) {
            auto times = head.piece(i, p).times;
            bool one_day = p < ordered && day_of(times.front()) == day_of(times.back());
            if (one_day)
                see(times.front());
            else
                std::for_each(times.begin(), times.end(), see);
        }
    }
    return days;
}

// Writes to tmp/, syncs, moves into the day folder; fills in bytes and adds the file to the entry.
Result<> keep(SealJob& job, SegmentFile file, const std::string& day,
              const std::function<Result<std::uint64_t>(const std::string&)>& write) {
    auto name = segment_file_name(job.entry.generation, job.writer.extension());
    auto fresh = files::join(files::join(job.directory, "tmp"), name);
    auto folder = files::join(files::join(job.directory, folder_of(file.table)), day);
    ignore(job.files.remove(fresh), "usually there is none");
    auto written = write(fresh);
    if (written && *written != file.rows)
        written = Error{Errc::io_failed, "segment " + fresh + " has " + std::to_string(*written) +
                                             " rows instead of " + std::to_string(file.rows)};
    if (!written) {
        ignore(job.files.remove(fresh), "give the space back");
        return std::move(written).error().context("write segment of " + day);
    }
    TRY_VOID(job.files.sync_path(fresh));
    TRY(auto size, job.files.size(fresh));
    file.bytes = size.value_or(0);
    TRY_VOID(job.files.make_directories(folder));
    auto place = files::join(folder, name);
    TRY_VOID(job.files.rename(fresh, place));
    TRY_VOID(job.files.sync_directory(folder));
    file.path = files::join(files::join(folder_of(file.table), day), name);
    file.generation = job.entry.generation;
    job.rows += file.rows;
    job.entry.files.push_back(std::move(file));
    return {};
}

Result<> write_points(SealJob& job) {
    for (auto day : days_of(*job.head)) {
        auto [from, to] = bounds_of(day);
        SortedPoints points(*job.head, job.context, from, to);
        const auto& extent = points.extent();
        SegmentFile file;
        file.table = Table::points;
        file.rows = extent.rows;
        file.time_min = extent.time_min;
        file.time_max = extent.time_max;
        file.device_first = extent.device_first;
        file.device_last = extent.device_last;
        file.overlaps = extent.overlaps;
        TRY_VOID(keep(job, std::move(file), day_folder(from), [&](const std::string& path) {
            return job.writer.write_points(path, points);
        }));
    }
    return {};
}

Result<> write_decisions(SealJob& job) {
    std::map<std::int64_t, std::vector<DecisionRow>> days;
    for (const auto* decision : job.head->decisions())
        days[day_of(decision->window_to)].push_back(
            {decision, &context_of(job.context, decision->device.text)});
    for (auto& [day, rows] : days) {
        std::stable_sort(rows.begin(), rows.end(), [](const DecisionRow& a, const DecisionRow& b) {
            if (auto order = a.decision->device.text.compare(b.decision->device.text))
                return order < 0;
            return a.decision->window_to < b.decision->window_to;
        });
        SegmentFile file;
        file.table = Table::decisions;
        file.rows = rows.size();
        file.time_min = time_highest;
        file.time_max = time_lowest;
        for (const auto& row : rows) {
            file.time_min = std::min(file.time_min, row.decision->window_to);
            file.time_max = std::max(file.time_max, row.decision->window_to);
        }
        file.device_first = rows.front().decision->device.text;
        file.device_last = rows.back().decision->device.text;
        TRY_VOID(
            keep(job, std::move(file), day_folder(file.time_min),
                 [&](const std::string& path) { return job.writer.write_decisions(path, rows); }));
    }
    return {};
}

}  // namespace

Result<> perform(SealJob& job) {
    job.entry.files.resize(job.old_files);
    job.entry.series.clear();
    job.rows = 0;
    for (auto ref : job.declare) {
        const auto& series = job.head->directory().at(ref);
        job.entry.series.push_back({ref, series.device, series.signal, series.unit});
    }
    TRY_VOID(write_points(job));
    TRY_VOID(write_decisions(job));
    return job.catalog.enter(job.entry);
}

std::string day_folder(Timestamp time) { return "day=" + to_iso8601(time).substr(0, 10); }

std::string_view folder_of(Table table) { return table == Table::points ? "points" : "decisions"; }

std::string segment_file_name(std::uint64_t generation, const std::string& extension) {
    auto digits = std::to_string(generation);
    return std::string(name_digits - digits.size(), '0') + digits + extension;
}

std::optional<std::uint64_t> generation_in(std::string_view name) {
    if (name.size() <= name_digits || name[name_digits] != '.') return std::nullopt;
    std::uint64_t generation = 0;
    auto end = name.data() + name_digits;
    auto parsed = std::from_chars(name.data(), end, generation);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return generation;
}

}  // namespace mw::history
