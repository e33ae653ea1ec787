// Rows that must go: too old, or of a device that somebody asked to be forgotten. Files are
// dropped, or rewritten one by one and replaced as a compaction does it.
#include <algorithm>
#include <optional>

#include "base/log.h"
#include "data/history/catalog_turn.h"
#include "data/history/compacting.h"
#include "data/history/slices.h"
#include "data/history/state.h"

namespace mw::history {
namespace {

bool may_hold(const SegmentFile& file, const EraseOrder& order) {
    return file.table != Table::rollups && file.time_max >= order.span.from &&
           file.time_min <= order.span.to && order.device >= file.device_first &&
           order.device <= file.device_last;
}

Erasure rows_of_device(const EraseOrder& order) {
    return [order](const std::string& device, const std::string&) {
        return device == order.device ? std::vector<Span>{order.span} : std::vector<Span>{};
    };
}

}  // namespace

// Without the rows that `erase` names; nothing happens to a file that has none of them.
Task<std::uint64_t> History::State::rewrite(SegmentFile file, Erasure erase) {
    auto job =
        std::make_shared<CompactJob>(CompactJob{parts_.files, parts_.writer, options_.directory});
    job->only_if_erased = true;
    job->erase = std::move(erase);
    job->work.spans = spans_of(file);
    job->work.inputs.push_back(std::move(file));
    job->first_rewrite = rewrites_ + 1;
    rewrites_ += job->work.spans.size();
    auto work = [job](std::stop_token stop) { return write_files(*job, std::move(stop)); };
    CO_TRY_VOID(co_await compaction_workers_.run(std::move(work)));
    if (job->erased == 0) co_return std::uint64_t{0};
    auto entering = enter_compaction(job);
    CO_TRY_VOID(co_await std::move(entering));
    co_return job->erased;
}

Task<Erased> History::State::erase(EraseOrder order) {
    auto sealing = seal_now();
    CO_TRY_VOID(co_await std::move(sealing));
    auto turn = compacting_turn();
    CO_TRY(const auto here, co_await std::move(turn));
    Erased erased;
    auto files = files_;
    std::erase_if(files, [&](const auto& file) { return !may_hold(file, order); });
    for (auto& file : files) {
        auto table = file.table;
        auto rewriting = rewrite(std::move(file), rows_of_device(order));
        CO_TRY(auto rows, co_await std::move(rewriting));
        (table == Table::points ? erased.points : erased.decisions) += rows;
    }
    files.clear();
    auto forgetting = forget_newest(order);
    CO_TRY_VOID(co_await std::move(forgetting));
    log::info(
        "history.device.erased",
        {{"device", order.device}, {"points", erased.points}, {"decisions", erased.decisions}});
    auto unlinking = unlink_unused();
    CO_TRY_VOID(co_await std::move(unlinking));
    co_return erased;
}

// Of the newest values only the times stay, as by them late points are known.
Task<> History::State::forget_newest(EraseOrder order) {
    auto waiting = take_catalog_turn();
    CO_TRY(auto turn, co_await std::move(waiting));
    auto entry = std::make_shared<CatalogEntry>();
    for (std::uint32_t i = 0; i < newest_.size(); ++i) {
        auto& newest = newest_[i];
        if (!newest.known || series_.at({i}).device != order.device) continue;
        if (!order.span.holds(newest.last.time)) continue;
        newest.last = LastValue::erased_at(newest.last.time);
        newest_boxed_.erase(i);
        entry->newest.push_back({{i}, newest.last});
    }
    if (entry->newest.empty()) co_return Result<>{};
    auto enter = [entry, catalog = catalog_.get()] { return catalog->enter(*entry); };
    co_return co_await parts_.workers.run(std::move(enter));
}

Task<> History::State::retain() {
    auto turn = compacting_turn();
    CO_TRY(const auto here, co_await std::move(turn));
    auto retention = retention_;
    auto now = parts_.loop.clock().now();
    if (!retention) co_return Result<>{};
    auto work = [files = files_, series = series_.directory(), retention, now] {
        return plan_retention(files, *series, *retention, now);
    };
    CO_TRY(auto plan, co_await compaction_workers_.run(std::move(work)));
    auto dropping = drop_files(std::move(plan.drop));
    CO_TRY_VOID(co_await std::move(dropping));
    for (auto& file : plan.rewrite) {
        auto& looked = looked_through_[file.path];
        if (looked.ns > 0 && now - looked < hours{24}) continue;
        looked = now;
        auto rewriting = rewrite(std::move(file), too_old(retention, now));
        CO_TRY(auto rows, co_await std::move(rewriting));
        metrics_.expired.add(rows);
    }
    plan.rewrite.clear();
    std::erase_if(looked_through_, [&](const auto& one) {
        return std::none_of(files_.begin(), files_.end(),
                            [&](const auto& file) { return file.path == one.first; });
    });
    auto unlinking = unlink_unused();
    co_return co_await std::move(unlinking);
}

Task<> History::State::drop_files(std::vector<std::string> paths) {
    if (paths.empty()) co_return Result<>{};
    auto job =
        std::make_shared<CompactJob>(CompactJob{parts_.files, parts_.writer, options_.directory});
    std::uint64_t rows = 0;
    for (const auto& file : files_)
        if (std::find(paths.begin(), paths.end(), file.path) != paths.end()) {
            job->work.inputs.push_back(file);
            rows += file.table == Table::points ? file.rows : 0;
        }
    auto entering = enter_compaction(job);
    CO_TRY_VOID(co_await std::move(entering));
    metrics_.expired.add(rows);
    log::info("history.files.expired", {{"files", paths.size()}, {"points", rows}});
    co_return Result<>{};
}

}  // namespace mw::history
