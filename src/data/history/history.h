#pragma once
// What the hub remembers of points and decisions: log (acknowledged means synced), head (queryable
// at once), sealed segments, catalog. Lives on one data loop, except snapshot(), which any loop may
// await. Limits are in HistoryOptions; beyond them append() says overloaded and nothing is lost.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "data/history/catalog.h"
#include "data/history/head_snapshot.h"
#include "data/history/hold.h"
#include "data/history/retention.h"
#include "data/history/segment.h"
#include "data/history/series.h"
#include "data/history/verify.h"
#include "domain/decision.h"
#include "domain/point.h"
#include "domain/point_sink.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::history {

struct HistoryOptions {
    std::string directory;                // holds log/ catalog/ points/ decisions/ tmp/
    std::size_t seal_points = 4'000'000;  // seal when the head holds this many
    nanoseconds seal_age = minutes{25};   // or its oldest point has been here this long
    std::size_t head_bytes_max = std::size_t{256} << 20;  // both generations; then overloaded
    std::size_t series_max = 1'000'000;
    std::size_t streams_max = 1'000'000;
    std::size_t waiting_bytes_max = std::size_t{16} << 20;  // accepted, not yet given to a sync
    std::size_t log_segment_bytes = std::size_t{16} << 20;
    nanoseconds retry_after = milliseconds{250};  // a disk that refused, a seal that failed
    nanoseconds compact_every = minutes{1};       // how often it is asked what to compact
    nanoseconds retain_every = hours{1};          // how often what is too old goes
    nanoseconds hold_patience = seconds{60};      // hold() waits so long for the catalog
};

struct HistorySnapshot {
    std::vector<SegmentFile> points;  // absolute paths, by generation
    std::vector<SegmentFile> decisions;
    std::vector<SegmentFile> rollups;  // if asked for; each of the file of points it is named after
    // One or two generations of the head; the later one is the newer. No row is in a file as well.
    std::vector<std::shared_ptr<const HeadSnapshot>> heads;
    // Two sources may hold the same (series, time): of equals keep the one of the highest
    // generation, heads above all files. False: no row occurs twice, no need to look.
    bool overlaps = false;
    std::shared_ptr<const SeriesDirectory> series;
    ContextSnapshot context;
    struct Latest {
        SeriesRef series;
        LastValue last;
    };
    std::shared_ptr<const std::vector<Latest>> latest;           // if asked for
    std::unordered_map<std::uint32_t, BoxedValue> latest_boxed;  // by series, where last.boxed
};

struct OpenReport {
    std::uint64_t frames = 0;              // replayed from the log
    std::uint64_t points = 0;              // now in the head
    std::uint64_t torn_bytes = 0;          // never acknowledged, cut
    std::vector<files::LogDamage> damage;  // acknowledged bytes that rotted
    std::vector<std::string> missing;      // files the catalog knows and the disk does not
    std::uint64_t unreadable = 0;          // frames or runs whose series was lost to the damage
    std::uint64_t removed_files = 0;       // leftovers of a seal or compaction that did not finish
};

// Figures of a moment, on the loop.
struct HistoryFigures {
    std::uint64_t head_points = 0;
    std::size_t head_bytes = 0;
    std::size_t waiting_bytes = 0;
    std::size_t series = 0;
    std::size_t streams = 0;
    std::size_t files = 0;
    std::size_t doomed_files = 0;  // replaced, and perhaps still read
    std::uint64_t sealed_points = 0;
    struct TableFigures {
        std::size_t files = 0;
        std::size_t compacted = 0;
        std::uint64_t rows = 0;
        std::uint64_t bytes = 0;
        Timestamp first = time_highest;
        Timestamp last = time_lowest;
    };
    TableFigures tables[3];  // by Table
};

// Points and decisions of a device whose event times lie in the span.
struct EraseOrder {
    std::string device;
    Span span{time_lowest, time_highest};
};
struct Erased {
    std::uint64_t points = 0;
    std::uint64_t decisions = 0;
};

class History {
 public:
    struct Parts {  // all outlive the History
        files::Files& files;
        Loop& loop;
        Workers& workers;
        SegmentWriter& writer;
        metrics::Registry& metrics;
        Workers* preparing = nullptr;  // see GroupLogOptions
    };
    // Blocks while it replays; the log is bounded by the head's limits.
    static Result<std::unique_ptr<History>> open(HistoryOptions options, Parts parts);
    ~History();  // after stop()
    History(const History&) = delete;
    History& operator=(const History&) = delete;

    // The series of a signal, made when new or when the unit changed (empty: keep what is known).
    // Callers keep it: it stays the same for ever. Its type widens to what comes. overloaded:
    // series_max.
    Result<SeriesRef> resolve(const std::string& device, const std::string& signal,
                              const std::string& unit, ValueType type = ValueType::number);
    // The ticket of a stream position that was stored before: the message must not be judged or
    // stored again. Sequence 0 never was.
    std::optional<Ticket> stored(const DeviceId& device, const StreamPosition& position) const;

    // Appends all points of the batch, or none, and makes them visible to snapshots. A position
    // that was stored before is counted and not stored again. overloaded: memory or queue limits,
    // no space; io_failed: the disk. invalid_input: a batch that does not fit (65,535 runs, 4 MiB).
    Result<Ticket> append(const Batch& batch);
    // The same with the series of each run known.
    Result<Ticket> append(const Batch& batch, std::span<const SeriesRef> series);
    Result<Ticket> append(const Decision& decision);
    // A batch of these series comes soon, or next: what it needs is on its way from memory while
    // something else is done. Changes nothing.
    void expect_soon(std::span<const SeriesRef> series) const;
    void expect_next(std::span<const SeriesRef> series) const;

    Ticket durable() const;
    void on_durable(std::function<void(Ticket)> listener);
    Task<> flush();  // until everything appended so far is durable

    // Consistent: every appended point once. From any loop.
    Task<HistorySnapshot> snapshot(Bounds bounds);
    HistorySnapshot snapshot_here(const Bounds& bounds) const;  // on the data loop
    std::optional<LastValue> last(SeriesRef series) const;
    std::shared_ptr<const SeriesDirectory> series() const;

    void set_context(ContextSnapshot context);
    // Seals what is in the head now, after a seal that is already running.
    Task<> seal_now();
    // Reads every sealed file, at low priority, and says which are not what was written.
    Task<VerifyReport> verify();
    // What is on disk, for a copy of it: everything durable by then, once. overloaded: the catalog
    // could not be had, as the disk refuses what is to be entered.
    Task<HistoryHold> hold();
    // Merges all sealed files that can be merged, now; also done in the background.
    Task<> compact_now();
    // Gone from head, files and newest values when it ends; files that a query still reads are
    // unlinked after it. What arrives meanwhile may stay.
    Task<Erased> erase(EraseOrder order);
    // Null at first: everything is kept.
    void set_retention(RetentionSnapshot retention);
    Task<> retain_now();

    const OpenReport& report() const;
    HistoryFigures figures() const;
    // Set while the disk refuses: why.
    const std::optional<Error>& failure() const;

    // Refuses new points, makes durable what was accepted, ends tasks. Does not seal.
    Task<> stop();

 private:
    class State;
    explicit History(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace mw::history
