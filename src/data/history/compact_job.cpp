#include "data/history/compact_job.h"

#include <algorithm>

#include "data/history/segment_place.h"
#include "data/history/slices.h"

namespace mw::history {
namespace {

SegmentFile describe_merged(const CompactJob& job, const Merged& merged) {
    SegmentFile file;
    const auto& newest = job.work.inputs.back();
    file.table = newest.table;
    file.generation = newest.generation;
    file.rows = merged.rows;
    file.boxed = merged.boxed;
    file.time_min = merged.time_min;
    file.time_max = merged.time_max;
    file.device_first = merged.device_first;
    file.device_last = merged.device_last;
    // A file without some of its rows is what it was.
    file.compacted = job.only_if_erased ? newest.compacted : newest.table == Table::points;
    file.overlaps = job.only_if_erased && newest.overlaps;
    return file;
}

void count(CompactJob& job, const Merged& merged) {
    job.repeats += merged.repeats;
    job.erased += merged.erased;
}

Result<> merge_points(CompactJob& job, const MergeOrder& order, SegmentPlace& place,
                      const std::stop_token& stop) {
    TRY(auto merged, job.writer.merge_points(place.fresh_points(), order, stop));
    count(job, merged);
    if (merged.rows == 0) return {};
    return place.keep_points(describe_merged(job, merged), merged.rollups, job.entry.files);
}

Result<> rewrite_decisions(CompactJob& job, const MergeOrder& order, SegmentPlace& place) {
    auto fresh = place.temporary(Table::decisions);
    ignore(job.files.remove(fresh), "usually there is none");
    TRY(auto merged, job.writer.rewrite_decisions(fresh, order));
    count(job, merged);
    if (merged.rows == 0) return {};
    auto file = describe_merged(job, merged);
    TRY_VOID(place.keep(file));
    job.entry.files.push_back(std::move(file));
    return {};
}

Result<> merge_span(CompactJob& job, const Span& span, std::uint64_t rewrite,
                    const std::stop_token& stop) {
    SegmentPlace place(
        job.files, job.directory,
        segment_file_name({job.work.inputs.back().generation, rewrite}, job.writer.extension()));
    MergeOrder order{job.work.inputs, span, job.erase};
    std::erase_if(order.inputs, [&](const auto& file) {
        return file.time_max < order.span.from || file.time_min > order.span.to;
    });
    auto outcome = job.work.inputs.back().table == Table::points
                       ? merge_points(job, order, place, stop)
                       : rewrite_decisions(job, order, place);
    if (!outcome) place.give_up();
    return outcome;
}

void take_back(CompactJob& job) {
    for (const auto& file : job.entry.files)
        ignore(job.files.remove(files::join(job.directory, file.path)), "the next start does it");
    job.entry.files.clear();
}

Result<> every_row_once(const CompactJob& job) {
    std::uint64_t before = 0;
    auto after = job.repeats + job.erased;
    for (const auto& file : job.work.inputs) before += file.rows;
    for (const auto& file : job.entry.files)
        if (file.table != Table::rollups) after += file.rows;
    if (before == after) return {};
    return Error{Errc::io_failed, "of " + std::to_string(before) + " rows, " +
                                      std::to_string(after) + " came out of the merge"};
}

Result<> merge_spans(CompactJob& job, const std::stop_token& stop) {
    auto rewrite = job.first_rewrite;
    for (const Span& span : job.work.spans) {
        if (stop.stop_requested()) return Error{Errc::cancelled, "history is closing"};
        TRY_VOID(merge_span(job, span, rewrite++, stop));
    }
    return every_row_once(job);
}

}  // namespace

Result<> write_files(CompactJob& job, std::stop_token stop) {
    auto outcome = [&]() -> Result<> {
        if (job.only_if_erased) {
            TRY(auto holds, job.writer.holds(job.work.inputs.front(), job.erase));
            if (!holds) return {};
        }
        return merge_spans(job, stop);
    }();
    // Rewritten for nothing: the old file is as good.
    if (outcome && job.only_if_erased && job.erased == 0) return take_back(job), outcome;
    if (outcome) return {};
    take_back(job);
    auto day = day_folder(job.work.inputs.front().time_min);
    return std::move(outcome).error().context("compact " + day);
}

}  // namespace mw::history
