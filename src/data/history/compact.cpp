// Compaction from the loop's side: one at a time, on a thread of its own at low priority. A seal
// waits for it at most while an entry is written to the catalog.
#include <algorithm>
#include <optional>

#include "base/log.h"
#include "data/history/catalog_turn.h"
#include "data/history/compacting.h"
#include "data/history/slices.h"
#include "data/history/state.h"

namespace mw::history {
namespace {

constexpr nanoseconds slowest_entering = seconds{30};
constexpr nanoseconds postponed_for = hours{1};

}  // namespace

Task<History::State::CompactingTurn> History::State::compacting_turn() {
    while (compacting_) {
        compaction_ended_.reset();
        CO_TRY_VOID(co_await compaction_ended_.wait());
    }
    co_return CompactingTurn(compacting_, compaction_ended_);
}

Task<> History::State::watch_files() {
    auto retained = parts_.loop.clock().steady();
    for (;;) {
        CO_TRY_VOID(co_await sleep_for(options_.compact_every));
        CO_TRY_VOID(co_await unlink_unused());
        auto now = parts_.loop.clock().steady();
        if (now - retained >= options_.retain_every) {
            retained = now;
            auto retaining = retain();
            auto outcome = co_await std::move(retaining);
            if (!outcome && outcome.error().code == Errc::cancelled) co_return Result<>{};
            if (!outcome) log::warn("history.retention.failed", {{"why", outcome.error()}});
        }
        CompactionRule rule;
        std::erase_if(postponed_, [now](const auto& day) { return day.second <= now; });
        for (const auto& [day, until] : postponed_) rule.skip.insert(day);
        auto compacting = compact_all(rule);
        auto outcome = co_await std::move(compacting);
        // Other errors were told; later again.
        if (!outcome && outcome.error().code == Errc::cancelled) co_return Result<>{};
    }
}

Task<> History::State::compact_now() {
    auto compact = [](State& self) -> Task<Erased> {
        CompactionRule rule;
        rule.at_once = true;
        auto compacting = self.compact_all(rule);
        CO_TRY_VOID(co_await std::move(compacting));
        CO_TRY_VOID(co_await self.unlink_unused());
        co_return Erased{};
    };
    auto work = compact(*this);
    auto running = where_stop_ends_it(std::move(work));
    CO_TRY_VOID(co_await std::move(running));
    co_return Result<>{};
}

Task<Erased> History::State::erase_now(EraseOrder order) {
    auto work = erase(std::move(order));
    return where_stop_ends_it(std::move(work));
}

Task<> History::State::retain_now() {
    auto retaining = [](State& self) -> Task<Erased> {
        auto running = self.retain();
        CO_TRY_VOID(co_await std::move(running));
        co_return Erased{};
    };
    auto work = retaining(*this);
    auto running = where_stop_ends_it(std::move(work));
    CO_TRY_VOID(co_await std::move(running));
    co_return Result<>{};
}

// Whoever asked, stop() cancels the work and waits for its end.
Task<Erased> History::State::where_stop_ends_it(Task<Erased> work) {
    if (stopping_) co_return Error{Errc::cancelled, "history is closing"};
    struct Asked {
        Event ended;
        Result<Erased> outcome = Error{Errc::cancelled, "history is closing"};
    };
    auto asked = std::make_shared<Asked>();
    auto run = [](std::shared_ptr<Asked> asked, Task<Erased> work) -> Task<> {
        asked->outcome = co_await std::move(work);
        asked->ended.set();
        co_return Result<>{};
    };
    auto task = run(asked, std::move(work));
    compactions_.spawn(std::move(task));
    CO_TRY_VOID(co_await asked->ended.wait());
    co_return asked->outcome;
}

Task<> History::State::compact_all(CompactionRule rule) {
    for (;;) {
        auto waiting = compacting_turn();
        CO_TRY(const auto here, co_await std::move(waiting));
        rule.now = parts_.loop.clock().steady();
        auto compacting = compact_once(rule);
        CO_TRY(auto more, co_await std::move(compacting));
        if (!more) co_return Result<>{};
    }
}

Task<bool> History::State::compact_once(CompactionRule rule) {
    auto chosen = choose_compaction(files_, rule);
    if (!chosen) co_return false;
    auto job =
        std::make_shared<CompactJob>(CompactJob{parts_.files, parts_.writer, options_.directory});
    job->work = std::move(*chosen);
    job->first_rewrite = rewrites_ + 1;
    rewrites_ += job->work.spans.size();
    auto began = parts_.loop.clock().steady();
    auto work = [job](std::stop_token stop) { return write_files(*job, std::move(stop)); };
    auto written = co_await compaction_workers_.run(std::move(work));
    if (!written) {
        if (written.error().code == Errc::cancelled) co_return written.error();
        metrics_.compaction_failures.add();
        log::warn("history.compaction.failed", {{"why", written.error()}});
        // A day that can't be merged must not keep the others waiting.
        postponed_[day_of(job->work.inputs.front().time_min)] = began + postponed_for;
        co_return written.error();
    }
    auto entering = enter_compaction(job);
    CO_TRY_VOID(co_await std::move(entering));
    metrics_.compaction.observe(
        std::chrono::duration<double>(parts_.loop.clock().steady() - began).count());
    co_return true;
}

// From the first try on the new files may be what the catalog says after a crash, so they and the
// old ones stay until it has been entered well, or until the next start knows.
Task<> History::State::enter_compaction(std::shared_ptr<CompactJob> job) {
    auto waiting = take_catalog_turn();
    CO_TRY(auto turn, co_await std::move(waiting));
    job->entry.replaced.clear();
    for (const auto& input : job->work.inputs) {
        job->entry.replaced.push_back(path_in_catalog(input));
        auto rollups = rollups_of(job->entry.replaced.back());
        for (const auto& file : files_)
            if (file.table == Table::rollups && path_in_catalog(file) == rollups)
                job->entry.replaced.push_back(rollups);
    }
    auto pause = options_.retry_after;
    for (;;) {
        auto enter = [job, catalog = catalog_.get()] { return catalog->enter(job->entry); };
        auto entered = co_await parts_.workers.run(std::move(enter));
        if (entered) break;
        if (entered.error().code == Errc::cancelled) co_return entered;
        metrics_.compaction_failures.add();
        log::warn("history.compaction.not_entered", {{"why", entered.error()}});
        CO_TRY_VOID(co_await sleep_for(pause));
        pause = std::min(pause * 2, slowest_entering);
    }
    finish_compaction(*job);
    co_return Result<>{};
}

// In one turn of the loop, so that no snapshot sees a point twice or not at all.
void History::State::finish_compaction(const CompactJob& job) {
    full_wanted_ = catalog_->wants_full();
    remove_files(job.entry.replaced);
    std::uint64_t rows = 0;
    for (const auto& file : job.entry.files) {
        rows += file.table == Table::points ? file.rows : 0;
        add_file(file);
    }
    metrics_.compactions.add();
    metrics_.compacted.add(rows);
    log::info("history.compaction.finished", {{"inputs", job.work.inputs.size()},
                                              {"files", job.work.spans.size()},
                                              {"rows", rows},
                                              {"repeats", job.repeats},
                                              {"erased", job.erased}});
}

// Files that compaction replaced, once no snapshot holds them: this list alone does.
Task<> History::State::unlink_unused() {
    std::vector<std::string> paths;
    std::erase_if(doomed_, [&paths](const auto& file) {
        if (file.hold.use_count() > 1) return false;
        paths.push_back(file.path);
        return true;
    });
    metrics_.doomed_files.set(static_cast<double>(doomed_.size()));
    if (paths.empty()) co_return Result<>{};
    auto unlink = [&files = parts_.files, paths = std::move(paths)] {
        for (const auto& path : paths)
            if (auto removed = files.remove(path); !removed)
                log::warn("history.segment.not_removed", {{"why", removed.error()}});
    };
    co_return co_await compaction_workers_.run(std::move(unlink));
}

}  // namespace mw::history
