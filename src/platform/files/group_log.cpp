#include "platform/files/group_log.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "platform/files/append_log_format.h"
#include "platform/files/files.h"
#include "platform/files/spare_segment.h"

namespace mw::files {
namespace {

constexpr seconds prepare_again_after{60};
constexpr std::size_t small_group_bytes = 64 * 1024;

// Not dropping costs space, nothing else: the next drop tries again.
void drop_segments(AppendLog& log, std::uint64_t through) {
    if (auto dropped = log.drop(through); !dropped)
        log::warn("files.log.drop_failed", {{"why", dropped.error()}});
}

}  // namespace

Result<std::unique_ptr<GroupLog>> GroupLog::open(Files& files, Loop& loop, Workers& workers,
                                                 GroupLogOptions options,
                                                 const AppendLog::Visitor& replay) {
    FrameIndex index;
    auto visit = [&](const LogFrame& frame) {
        const auto end = frame.offset + format::frame_head_bytes + frame.payload.size();
        if (options.readable) index.add(frame.segment, frame.offset, frame.number, end);
        if (replay) replay(frame);
    };
    TRY(auto log, AppendLog::open(files, options.log, visit));
    return std::unique_ptr<GroupLog>(
        new GroupLog(files, loop, workers, std::move(options), std::move(log), std::move(index)));
}

GroupLog::GroupLog(Files& files, Loop& loop, Workers& workers, GroupLogOptions options,
                   AppendLog log, FrameIndex index)
    : files_(files),
      workers_(workers),
      options_(std::move(options)),
      log_(std::move(log)),
      index_(std::move(index)),
      next_(log_.next()),
      durable_(next_ - 1),
      preparations_(loop),
      scope_(loop) {}

GroupLog::~GroupLog() = default;

Result<std::uint64_t> GroupLog::append(ByteView payload) {
    return append(payload.size(), [payload](std::span<std::uint8_t> into) {
        std::copy(payload.begin(), payload.end(), into.begin());
    });
}

Result<> GroupLog::admit(std::size_t payload_bytes) const {
    if (failure_) return *failure_;
    if (stopping_) return Error{Errc::cancelled, "log " + options_.log.directory + " is closing"};
    if (payload_bytes > options_.log.frame_bytes_max)
        return Error{Errc::invalid_input, std::to_string(payload_bytes) + " bytes for log " +
                                              options_.log.directory + ", at most " +
                                              std::to_string(options_.log.frame_bytes_max)};
    if (waiting_.bytes() + payload_bytes > options_.waiting_bytes_max)
        return Error{Errc::overloaded, "log " + options_.log.directory + ": " +
                                           std::to_string(waiting_.bytes()) +
                                           " bytes wait for the disk already"};
    return {};
}

Result<std::uint64_t> GroupLog::appended() {
    figures_.waiting_bytes = waiting_.bytes();
    wake();
    return next_++;
}

void GroupLog::on_durable(std::function<void(std::uint64_t)> listener) {
    listeners_.push_back(std::move(listener));
}

Task<std::vector<Result<Bytes>>> GroupLog::read(std::vector<std::uint64_t> numbers) {
    ASSERT(options_.readable);
    std::vector<WantedFrame> wanted;
    wanted.reserve(numbers.size());
    for (const std::uint64_t number : numbers)
        wanted.push_back({number, number <= durable_ ? index_.find(number) : std::nullopt});
    auto job = [files = &files_, directory = options_.log.directory, wanted = std::move(wanted)] {
        return read_frames(*files, directory, wanted);
    };
    co_return co_await workers_.run(std::move(job));
}

void GroupLog::drop(std::uint64_t through) {
    drop_through_ = std::max(drop_through_, through);
    if (!stopping_) wake();
}

Task<> GroupLog::flush() {
    auto target = last();
    while (durable_ < target) {
        progressed_.reset();
        CO_TRY_VOID(co_await progressed_.wait());
        if (durable_ < target && failure_) co_return *failure_;
    }
    co_return Result<>{};
}

Task<> GroupLog::stop() {
    stopping_ = true;
    retry_now_.set();
    preparations_.cancel();
    CO_TRY_VOID(co_await preparations_.join());
    CO_TRY_VOID(co_await scope_.join());
    if (durable_ == last()) co_return Result<>{};
    co_return failure_ ? *failure_
                       : Error{Errc::io_failed, "log " + options_.log.directory +
                                                    " ends with frames that are not durable"};
}

void GroupLog::wake() {
    if (committing_) return;
    committing_ = true;
    scope_.spawn(commit_until_idle());
}

Task<> GroupLog::commit_until_idle() {
    while (!waiting_.empty() || !in_flight_.empty() || drop_through_ > 0) {
        if (in_flight_.empty()) {
            std::swap(in_flight_, waiting_);
            figures_.waiting_bytes = 0;
        }
        auto outcome = co_await commit_once();
        if (outcome) {
            ignore(co_await gather(), "cancelled: what waits is committed now");
            continue;
        }
        if (outcome.error().code == Errc::cancelled || stopping_) break;
        retry_now_.reset();
        ignore(co_await within(options_.retry_after, retry_now_.wait()), "time to try again");
    }
    committing_ = false;
    co_return Result<>{};
}

// A fast disk takes ten thousand groups a second, each of one or two frames, and the processor has
// time for nothing else.
Task<> GroupLog::gather() {
    const nanoseconds rest = options_.commit_every - committed_in_;
    const bool more = !waiting_.empty() && waiting_.bytes() < small_group_bytes && !stopping_;
    if (more && rest.count() > 0) co_return co_await sleep_for(rest);
    co_return Result<>{};
}

// Beside the commits. Without space, or whatever else is in the way, segments grow; the next commit
// that wants a spare segment tries again, but no more often than the disk may be asked.
Task<> GroupLog::prepare_segment() {
    auto job = [files = &files_, directory = options_.log.directory,
                bytes = options_.log.segment_bytes](std::stop_token stop) {
        return make_spare_segment(*files, directory, bytes, std::move(stop));
    };
    auto made = co_await options_.preparing->run(std::move(job));
    if (made) {
        spare_ = std::make_unique<SpareSegment>(std::move(*made));
        ++figures_.spares;
    } else if (made.error().code != Errc::cancelled) {
        log::warn("files.log.not_prepared",
                  {{"log", options_.log.directory}, {"why", made.error()}});
        CO_TRY_VOID(co_await sleep_for(prepare_again_after));
    }
    preparing_ = false;
    co_return Result<>{};
}

// One write and one sync on a worker. A failure keeps the group for the next try.
Task<> GroupLog::commit_once() {
    if (spare_) log_.use_spare(std::move(*std::exchange(spare_, nullptr)));
    auto job = [log = &log_, group = &in_flight_, through = drop_through_]() -> Result<Committed> {
        RealClock clock;
        auto before = clock.steady();
        TRY_VOID(log->commit(*group));
        auto took = clock.steady() - before;
        if (through > 0) drop_segments(*log, through);
        const auto [segment, offset] = log->last_group();
        return Committed{std::chrono::duration<double>(took).count(), segment, offset};
    };
    auto drop_through = drop_through_;
    auto outcome = co_await workers_.run(job);
    if (!outcome) {
        ++figures_.failures;
        if (!failure_)
            log::warn("files.log.refused",
                      {{"log", options_.log.directory}, {"why", outcome.error()}});
        failure_ = outcome.error();
        progressed_.set();
        co_return std::move(outcome).error();
    }
    committed_in_ =
        std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(outcome->seconds));
    if (failure_) log::info("files.log.recovered", {{"log", options_.log.directory}});
    failure_.reset();
    if (drop_through > 0) index_.drop(drop_through);
    if (drop_through == drop_through_) drop_through_ = 0;
    if (options_.preparing && !preparing_ && !spare_ && !stopping_ && log_.wants_spare()) {
        preparing_ = true;
        preparations_.spawn(prepare_segment());
    }
    if (!in_flight_.empty()) {
        if (sync_seconds_) sync_seconds_->observe(outcome->seconds);
        made_durable(*outcome);
    }
    co_return Result<>{};
}

void GroupLog::made_durable(const Committed& where) {
    if (options_.readable)
        for (const auto& [number, offset] : in_flight_.landmarks())
            index_.add(where.segment, where.offset + offset, number,
                       where.offset + in_flight_.bytes());
    ++figures_.commits;
    figures_.bytes += in_flight_.bytes();
    durable_ = in_flight_.last();
    in_flight_.clear();
    progressed_.set();
    for (const auto& listener : listeners_) listener(durable_);
}

}  // namespace mw::files
