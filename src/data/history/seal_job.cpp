#include "data/history/seal_job.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "data/history/segment_place.h"
#include "data/history/slices.h"

namespace mw::history {
namespace {

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

Result<> same_rows(std::uint64_t written, const SegmentFile& file, const std::string& path) {
    if (written == file.rows) return {};
    return Error{Errc::io_failed, "segment " + path + " has " + std::to_string(written) +
                                      " rows instead of " + std::to_string(file.rows)};
}

// Lets `write` make the file at a place, and enters what it kept there.
Result<> make(SealJob& job, SegmentFile file,
              const std::function<Result<>(SegmentPlace& place, const SegmentFile& file)>& write) {
    file.generation = job.entry.generation;
    SegmentPlace place(job.files, job.directory,
                       segment_file_name({file.generation}, job.writer.extension()));
    auto outcome = write(place, file);
    if (outcome) {
        job.rows += file.rows;
        return {};
    }
    place.give_up();
    return std::move(outcome).error().context("write segment of " + day_folder(file.time_min));
}

Result<> write_points(SealJob& job) {
    for (auto day : days_of(*job.head)) {
        auto [from, to] = span_of_day(day);
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
        file.boxed = extent.boxed;
        TRY_VOID(make(job, std::move(file), [&](auto& place, const auto& made) -> Result<> {
            auto paths = place.fresh_points();
            TRY(auto written, job.writer.write_points(paths, points));
            TRY_VOID(same_rows(written.points, made, paths.points));
            return place.keep_points(made, written.rollups, job.entry.files);
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
        TRY_VOID(make(job, std::move(file),
                      [&, &rows = rows](auto& place, const auto& made) -> Result<> {
                          auto path = place.temporary(Table::decisions);
                          ignore(job.files.remove(path), "usually there is none");
                          TRY(auto written, job.writer.write_decisions(path, rows));
                          TRY_VOID(same_rows(written, made, path));
                          auto kept = made;
                          TRY_VOID(place.keep(kept));
                          job.entry.files.push_back(std::move(kept));
                          return {};
                      }));
    }
    return {};
}

}  // namespace

Result<> write_files(SealJob& job) {
    job.entry.files.clear();
    job.entry.series.clear();
    job.rows = 0;
    for (auto ref : job.declare) {
        const auto& series = job.head->directory().at(ref);
        job.entry.series.push_back({ref, series.device, series.signal, series.unit, series.type});
    }
    TRY_VOID(write_points(job));
    TRY_VOID(write_decisions(job));
    job.new_files = job.entry.files.size();
    return {};
}

}  // namespace mw::history
