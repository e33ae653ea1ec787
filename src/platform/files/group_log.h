#pragma once
// An AppendLog with group commit for a loop: frames are appended at once and become durable
// together. One sync is in flight on the workers; what arrives meanwhile joins the next. Where a
// sync is faster than `commit_every`, small groups wait for the rest of it: who comes alone does
// not. Belongs to its loop. Limits: waiting frames (bytes); beyond them append says overloaded.

#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/metrics.h"
#include "platform/files/append_log.h"
#include "platform/files/frame_index.h"
#include "platform/loop/loop.h"

namespace mw::files {

struct GroupLogOptions {
    AppendLogOptions log;
    std::size_t waiting_bytes_max = std::size_t{16} << 20;  // not yet given to a sync
    nanoseconds retry_after = milliseconds{250};            // when the disk refused
    // Between the beginnings of commits while frames keep coming (ADR 0028).
    nanoseconds commit_every = microseconds{250};
    bool readable = false;  // keeps an index for read(): 16 bytes for about each 32 KiB
    // Prepare the next segment, so that small groups do not make a file grow; null: segments grow.
    // Must outlive the object; not the workers that commit, which would wait.
    Workers* preparing = nullptr;
};

// Figures the owner may put into its metrics; all on the loop.
struct GroupLogFigures {
    std::uint64_t commits = 0;
    std::uint64_t failures = 0;
    std::uint64_t bytes = 0;
    std::size_t waiting_bytes = 0;
    std::uint64_t spares = 0;  // segments prepared
};

struct SpareSegment;

class GroupLog {
 public:
    // Blocks: opens and replays the log. References must outlive the object.
    static Result<std::unique_ptr<GroupLog>> open(Files& files, Loop& loop, Workers& workers,
                                                  GroupLogOptions options,
                                                  const AppendLog::Visitor& replay = {});
    ~GroupLog();  // after stop()
    GroupLog(const GroupLog&) = delete;
    GroupLog& operator=(const GroupLog&) = delete;

    // A frame of this size, written by `fill`; its number. overloaded: too much is waiting.
    // While the disk refuses, everything new is refused with its error; what was accepted before is
    // tried again until the disk takes it.
    template <class F>
    Result<std::uint64_t> append(std::size_t payload_bytes, F&& fill) {
        TRY_VOID(admit(payload_bytes));
        fill(waiting_.begin(next_, payload_bytes));
        waiting_.seal();
        return appended();
    }
    Result<std::uint64_t> append(ByteView payload);
    // Whether append would take this much now.
    Result<> admit(std::size_t payload_bytes) const;

    std::uint64_t last() const { return next_ - 1; }  // number of the newest frame
    std::uint64_t durable() const { return durable_; }
    // Called on the loop each time durable() has grown.
    void on_durable(std::function<void(std::uint64_t)> listener);
    // Until every frame appended so far is durable; the disk's error if it refuses meanwhile (the
    // frames stay and are tried again).
    Task<> flush();

    // What durable frames hold, or why each can't be read: corrupt, or as the disk says. Numbers in
    // order, with options.readable; waits for no commit. A dropped frame can't be read.
    Task<std::vector<Result<Bytes>>> read(std::vector<std::uint64_t> numbers);

    // Frames up to here are not needed any more; segments go with the next commit.
    void drop(std::uint64_t through);

    const std::optional<Error>& failure() const { return failure_; }
    const GroupLogFigures& figures() const { return figures_; }
    void measure_sync(metrics::Histogram* seconds) { sync_seconds_ = seconds; }
    // Only between commits (after open, after stop): cursors, figures, report.
    AppendLog& log() { return log_; }
    const LogOpenReport& report() const { return log_.report(); }

    // Commits what is waiting, if the disk takes it at once, and ends: nothing runs afterwards.
    Task<> stop();

 private:
    GroupLog(Files& files, Loop& loop, Workers& workers, GroupLogOptions options, AppendLog log,
             FrameIndex index);
    Result<std::uint64_t> appended();
    void wake();
    Task<> commit_until_idle();
    Task<> gather();
    Task<> commit_once();
    Task<> prepare_segment();

    struct Committed {
        double seconds = 0;
        std::uint64_t segment = 0;
        std::uint64_t offset = 0;
    };
    void made_durable(const Committed& where);

    Files& files_;
    Workers& workers_;
    GroupLogOptions options_;
    AppendLog log_;
    FrameIndex index_;
    FrameGroup waiting_;
    FrameGroup in_flight_;
    std::uint64_t next_;
    std::uint64_t durable_;
    std::uint64_t drop_through_ = 0;
    bool committing_ = false;
    bool stopping_ = false;
    bool preparing_ = false;
    std::unique_ptr<SpareSegment> spare_;  // for the next commit
    nanoseconds committed_in_{0};          // the last one
    std::optional<Error> failure_;
    std::vector<std::function<void(std::uint64_t)>> listeners_;
    Event progressed_;  // durable_ grew, or a commit failed
    Event retry_now_;
    GroupLogFigures figures_;
    metrics::Histogram* sync_seconds_ = nullptr;
    Scope preparations_;
    Scope scope_;  // last: their tasks use everything above
};

}  // namespace mw::files
