// Sealing from the loop's side: when, what, and what follows.
#include <algorithm>

#include "base/log.h"
#include "data/history/catalog_turn.h"
#include "data/history/state.h"

namespace mw::history {
namespace {

constexpr nanoseconds slowest_retry = seconds{30};

}  // namespace

bool History::State::seal_is_due() const {
    if (sealing_ || stopping_ || active_->empty()) return false;
    return active_->points() >= options_.seal_points ||
           active_->bytes() >= options_.head_bytes_max / 2;
}

// The active generation becomes the sealing one; both stay visible until the catalog has the files.
void History::State::begin_seal() {
    ASSERT(!sealing_ && !active_->empty());
    auto job = prepare_seal();
    sealing_ = std::exchange(active_, std::make_shared<Generation>());
    seals_.spawn(seal(std::move(job)));
}

std::shared_ptr<SealJob> History::State::prepare_seal() {
    auto job = std::make_shared<SealJob>(SealJob{parts_.files, parts_.writer, options_.directory});
    job->head = active_->snapshot({}, series_);
    job->context = context_;
    job->entry.generation = generation_ + 1;
    job->entry.sealed_through = log_->last();
    job->entry.full = full_wanted_;
    collect(job->entry, job->declare, job->entry.full);
    return job;
}

// What the dropped part of the log will have known, as of now. A job is retried until it has ended
// well, so what it has collected needs no collecting again.
void History::State::collect(CatalogEntry& entry, std::vector<SeriesRef>& declare,
                             bool everything) {
    if (everything) {
        for (std::uint32_t i = 0; i < series_.size(); ++i)
            if (series_.contains({i})) declare.push_back({i});
    } else {
        declare = undeclared_;
    }
    undeclared_.clear();
    for (std::uint32_t i = 0; i < newest_.size(); ++i) {
        auto& newest = newest_[i];
        if (newest.known && (newest.changed || everything)) {
            entry.newest.push_back({{i}, newest.last});
            if (newest.last.boxed) entry.newest.back().boxed = newest_boxed_.at(i);
        }
        newest.changed = false;
    }
    for (std::uint32_t i = 0; i < streams_.size(); ++i) {
        auto& stream = streams_[i];
        if (everything || i >= catalogued_streams_)
            entry.streams.push_back({i, stream.device, stream.stream});
        if (stream.sequence > 0 && (stream.changed || everything))
            entry.positions.push_back({i, stream.sequence});
        stream.changed = false;
    }
    catalogued_streams_ = streams_.size();
}

Task<> History::State::seal(std::shared_ptr<SealJob> job) {
    auto pause = options_.retry_after;
    auto began = parts_.loop.clock().steady();
    for (;;) {
        auto trying = try_to_seal(job);
        auto outcome = co_await std::move(trying);
        if (outcome) break;
        metrics_.seal_failures.add();
        if (!seal_failure_)
            log::warn("history.seal.failed",
                      {{"generation", job->entry.generation}, {"why", outcome.error()}});
        seal_failure_ = outcome.error();
        seal_progressed_.set();
        // The log keeps everything: the next start will seal it.
        if (stopping_ || outcome.error().code == Errc::cancelled) co_return Result<>{};
        retry_now_.reset();
        ignore(co_await within(pause, retry_now_.wait()), "time to try again");
        pause = std::min(pause * 2, slowest_retry);
    }
    metrics_.seal.observe(
        std::chrono::duration<double>(parts_.loop.clock().steady() - began).count());
    // Freeing a generation takes longer than a loop may be busy; whoever still reads it frees it.
    auto free = [job = std::move(job)] {};
    ignore(co_await parts_.workers.run(std::move(free)), "then it is freed here");
    co_return Result<>{};
}

Task<> History::State::try_to_seal(std::shared_ptr<SealJob> job) {
    auto work = [job] { return write_files(*job); };
    CO_TRY_VOID(co_await parts_.workers.run(std::move(work)));
    auto waiting = take_catalog_turn();
    CO_TRY(auto turn, co_await std::move(waiting));
    // Only now: a compaction may just have replaced some.
    if (job->entry.full) list_known_files(job->entry);
    auto enter = [job, catalog = catalog_.get()] { return catalog->enter(job->entry); };
    CO_TRY_VOID(co_await parts_.workers.run(std::move(enter)));
    finish_seal(*job);
    co_return Result<>{};
}

// In one turn of the loop, so that no snapshot sees a point twice or not at all.
void History::State::finish_seal(SealJob& job) {
    full_wanted_ = catalog_->wants_full();
    for (std::size_t i = 0; i < job.new_files; ++i) add_file(job.entry.files[i]);
    generation_ = job.entry.generation;
    sealed_through_ = job.entry.sealed_through;
    job.garbage = std::exchange(sealing_, nullptr);
    log_->drop(sealed_through_);
    metrics_.seals.add();
    seal_failure_.reset();
    seal_progressed_.set();
    log::info("history.seal.finished", {{"generation", generation_}, {"rows", job.rows}});
    if (seal_is_due()) begin_seal();
}

Task<> History::State::watch_age() {
    auto& clock = parts_.loop.clock();
    for (;;) {
        CO_TRY_VOID(co_await sleep_for(std::max<nanoseconds>(options_.seal_age / 8, seconds{1})));
        bool old = !active_->empty() && clock.steady() - active_since_ >= options_.seal_age;
        if (old && !sealing_ && !stopping_) begin_seal();
    }
}

Task<> History::State::seal_now() {
    while (sealing_) {
        retry_now_.set();
        seal_progressed_.reset();
        CO_TRY_VOID(co_await seal_progressed_.wait());
        if (sealing_ && seal_failure_) co_return *seal_failure_;
    }
    if (active_->empty()) co_return Result<>{};
    if (stopping_) co_return Error{Errc::cancelled, "history is closing"};
    auto wanted = generation_ + 1;
    begin_seal();
    while (generation_ < wanted) {
        seal_progressed_.reset();
        CO_TRY_VOID(co_await seal_progressed_.wait());
        if (generation_ < wanted && seal_failure_) co_return *seal_failure_;
    }
    co_return Result<>{};
}

Task<> History::State::stop() {
    stopping_ = true;
    retry_now_.set();
    clock_.cancel();
    compactions_.cancel();
    CO_TRY_VOID(co_await clock_.join());
    CO_TRY_VOID(co_await compactions_.join());
    CO_TRY_VOID(co_await seals_.join());
    auto closing = log_->stop();
    co_return co_await std::move(closing);
}

}  // namespace mw::history
