#pragma once
// Outbox: store and forward. What a device wants the hub to have goes to disk first, in order, and
// leaves it when the hub has acknowledged it (docs/formats/outbox.md). What waits for long is kept
// by rank, compressed: decisions go first when the hub is back, points go first when the disk is
// full. Belongs to its loop. Limits: bytes on disk with a declared overflow, bytes waiting for the
// disk, bytes held to be sent.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/outbox/ranks.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::outbox {

class Lane;
struct LaneBlock;

// Of one rank, when the disk budget is used up.
enum class DiskOverflow : std::uint8_t {
    drop_oldest,  // its oldest segment goes, once no lower rank can give more
    drop_newest,  // what comes is left out: what was first is worth most
    refuse,       // append says overloaded: for sources that can wait
};

struct Options {
    std::string directory;
    std::uint64_t disk_bytes_max = std::uint64_t{256} << 20;
    PerRank<DiskOverflow> overflow{};
    std::size_t segment_bytes = std::size_t{1} << 20;
    std::uint64_t journal_bytes_max = std::uint64_t{4} << 20;  // beyond: into lanes, compressed
    std::size_t waiting_bytes_max = std::size_t{4} << 20;      // accepted, not yet durable
    std::size_t window_bytes_max = std::size_t{2} << 20;       // held in memory to be sent, a rank
};

struct Outgoing {
    std::string stream;  // counts sequences: "data/pump", "decision/pump-knn"; decides the rank
    std::string topic;
    Bytes payload;
};

// Everything in an entry becomes durable together or not at all.
struct Entry {
    std::vector<Outgoing> messages;
    // Where the producer continues after a restart, by key. The newest value of a key counts.
    std::map<std::string, Bytes> checkpoints;
};

// A message to be sent.
struct Queued {
    std::uint64_t frame = 0;  // of the journal
    std::string topic;
    Bytes payload;
    Rank rank = Rank::points;
};

struct RankFigures {
    std::uint64_t appended_messages = 0;
    std::uint64_t acknowledged_messages = 0;
    std::uint64_t dropped_messages = 0;  // by policy, never acknowledged; lasts over restarts
    std::uint64_t unsent_messages = 0;   // on disk or in memory, not acknowledged
    std::uint64_t disk_bytes = 0;        // in its lane
};

struct Figures {
    PerRank<RankFigures> ranks;
    std::uint64_t appended_messages = 0;
    std::uint64_t acknowledged_messages = 0;
    std::uint64_t dropped_messages = 0;
    std::uint64_t unsent_messages = 0;
    std::uint64_t refused_entries = 0;  // by a full disk or a full buffer
    std::uint64_t disk_bytes = 0;       // journal and lanes
    std::size_t waiting_bytes = 0;
    std::size_t window_bytes = 0;
    std::uint64_t disk_failures = 0;
    std::uint64_t settled_raw_bytes = 0;  // moved into lanes so far, before compressing
};

class Outbox {
 public:
    // Blocks: recovers the logs, the checkpoints and the sequences.
    static Result<std::unique_ptr<Outbox>> open(files::Files& files, Loop& loop, Workers& workers,
                                                Options options);
    ~Outbox();  // after stop()
    Outbox(const Outbox&) = delete;

    // The sequence that the next message of this stream must carry, from 1; without gaps.
    std::uint64_t next_sequence(const std::string& stream) const;
    // overloaded: waiting_bytes_max, or the disk limit with `refuse`; await room().
    Result<> append(Entry entry);
    Task<> room();
    // When everything appended so far is durable.
    Task<> flush();
    std::optional<Bytes> checkpoint(const std::string& key) const;

    // The sender's side. Messages come out once durable, by rank, in the order of append within
    // one.
    std::optional<Queued> try_next(Rank lowest = Rank::points);
    Task<> more(Rank lowest = Rank::points);  // when try_next() may have something
    // The oldest message that came out and was not acknowledged yet now is.
    void acknowledge_one();
    // All messages that came out without acknowledgement will come out again. Nothing is held in
    // memory until more() is called.
    void rewind();

    Figures figures() const;
    const files::LogOpenReport& report() const { return journal_.report(); }  // of the opening
    // Commits what waits, remembers what was acknowledged, and ends.
    Task<> stop();

 private:
    // What the loop knows of one rank.
    struct Line;
    // What the loop knows of the logs, which a job on the workers may be using.
    struct Seen {
        std::uint64_t journal_bytes = 0;
        std::size_t journal_segments = 0;
        PerRank<std::uint64_t> lane_bytes;
        PerRank<std::size_t> lane_segments;
        std::uint64_t bytes() const;
    };
    struct Recovery;
    struct Loaded;
    struct Settled;

    Outbox(Loop& loop, Workers& workers, Options options, files::AppendLog journal);
    // Recovery, and what goes into a frame: outbox.cpp.
    Result<> open_lanes(files::Files& files, Recovery& recovery);
    void recover(const files::LogFrame& frame, Recovery& recovery);
    void add_frame(const Entry& entry);
    void add_sequences(Entry& snapshot) const;
    Bytes positions() const;
    std::uint64_t charged_bytes() const;
    bool is_full(Rank rank) const;
    std::uint64_t done(Rank rank) const;
    void note_dropped(Rank rank, std::uint64_t messages);
    // The disk: outbox_disk.cpp.
    Task<> serve();
    Task<> commit();
    Task<> settle();
    Settled settle_job(std::uint64_t through, PerRank<std::uint64_t> from);
    void take_settled(Settled& settled, std::uint64_t through);
    Task<> drop_done();
    Task<> load(Rank rank);
    Result<Loaded> load_job(Rank rank, std::uint64_t from, std::uint64_t through,
                            const std::optional<LaneBlock>& block);
    Seen look() const;  // only between jobs
    Task<> enforce_disk_limit();
    bool give_up_oldest();
    bool drop_oldest_segment(Rank rank);
    void give_up_block(Rank rank, const LaneBlock& block);
    bool wants_settling() const;
    std::optional<Rank> wants_load() const;

    Loop& loop_;
    Workers& workers_;
    Options options_;
    files::AppendLog journal_;
    PerRank<std::unique_ptr<Lane>> lanes_;
    PerRank<files::AppendLog::Cursor> cursors_;  // of the journal; only a job uses them
    files::FrameGroup waiting_;
    files::FrameGroup in_flight_;
    std::map<std::string, std::uint64_t> sequences_;
    std::map<std::string, Bytes> checkpoints_;
    PerRank<std::unique_ptr<Line>> lines_;
    std::deque<Rank> sent_;  // came out, not acknowledged
    std::uint64_t next_frame_;
    std::uint64_t durable_;
    std::uint64_t snapshot_frame_ = 0;  // the newest frame that has all checkpoints
    std::uint64_t journal_dropped_ = 0;
    PerRank<std::uint64_t> lane_dropped_;
    Seen seen_;
    std::uint64_t unsettled_bytes_ = 0;  // of the journal, about
    std::size_t snapshot_segments_ = 0;  // segments when the last snapshot was written
    Bytes last_positions_;
    Figures figures_;
    std::uint64_t rewinds_ = 0;
    bool sending_ = false;  // somebody asked for more() since the last rewind()
    bool stopping_ = false;
    Event work_, room_, more_, progressed_;
    Scope scope_;  // last: its task uses everything above
};

}  // namespace mw::outbox
