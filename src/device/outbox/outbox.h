#pragma once
// Outbox: store and forward. What a device wants the hub to have goes to disk first, in order, and
// leaves it when the hub has acknowledged it (docs/formats/outbox.md). Belongs to its loop.
// Limits: bytes on disk with a declared overflow, bytes waiting for the disk, bytes held to be
// sent.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::outbox {

enum class DiskOverflow {
    drop_oldest,  // the oldest segment goes, its unsent messages are counted
    refuse,       // append says overloaded: for sources that can wait
};

struct Options {
    std::string directory;
    std::uint64_t disk_bytes_max = std::uint64_t{256} << 20;
    DiskOverflow overflow = DiskOverflow::drop_oldest;
    std::size_t segment_bytes = std::size_t{1} << 20;
    std::size_t waiting_bytes_max = std::size_t{4} << 20;  // accepted, not yet durable
    std::size_t window_bytes_max = std::size_t{2} << 20;   // durable, held in memory to be sent
};

struct Outgoing {
    std::string stream;  // counts sequences: "data/pump", "decision/pump-knn"
    std::string topic;
    Bytes payload;
};

// Everything in an entry becomes durable together or not at all.
struct Entry {
    std::vector<Outgoing> messages;
    // Where the producer continues after a restart, by key. The newest value of a key counts.
    std::map<std::string, Bytes> checkpoints;
};

// A message to be sent. Valid until it is acknowledged or rewind() is called.
struct Queued {
    std::uint64_t frame = 0;  // of the log
    std::string topic;
    Bytes payload;
};

struct Figures {
    std::uint64_t appended_messages = 0;
    std::uint64_t acknowledged_messages = 0;
    std::uint64_t dropped_messages = 0;  // by drop_oldest, never sent
    std::uint64_t refused_entries = 0;   // by a full disk or a full buffer
    std::uint64_t unsent_messages = 0;   // on disk or in memory, not acknowledged
    std::uint64_t disk_bytes = 0;
    std::size_t waiting_bytes = 0;
    std::size_t window_bytes = 0;
    std::uint64_t disk_failures = 0;
};

class Outbox {
 public:
    // Blocks: recovers the log, the checkpoints and the sequences.
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

    // The sender's side. Messages come out in the order of append, only once durable.
    std::optional<Queued> try_next();
    Task<> more();  // when try_next() may have something
    // The oldest message that came out and was not acknowledged yet now is.
    void acknowledge_one();
    // All messages that came out without acknowledgement will come out again.
    void rewind();

    Figures figures() const;
    const files::LogOpenReport& report() const { return log_.report(); }  // of the opening
    // Commits what waits, remembers what was acknowledged, and ends.
    Task<> stop();

 private:
    struct Held {
        Queued message;
        bool last_of_frame = false;
    };

    // What the loop knows of the log, which a job on the workers may be using.
    struct Seen {
        std::uint64_t bytes = 0;
        std::size_t segments = 0;
        std::uint64_t first = 0;
    };

    Outbox(Loop& loop, Workers& workers, Options options, files::AppendLog log);
    Seen look() const;  // only between jobs
    void recover(const files::LogFrame& frame);
    void add_frame(const Entry& entry);
    Task<> serve();
    Task<> commit();
    Task<> load();
    Task<> drop_acknowledged();
    void enforce_disk_limit();
    bool wants_load() const;
    void hold(std::uint64_t frame, ByteView payload);

    Loop& loop_;
    Workers& workers_;
    Options options_;
    files::AppendLog log_;
    files::AppendLog::Cursor cursor_;
    files::FrameGroup waiting_;
    files::FrameGroup in_flight_;
    std::map<std::string, std::uint64_t> sequences_;
    std::map<std::string, Bytes> checkpoints_;
    std::map<std::uint64_t, std::uint32_t> unsent_;  // frame -> messages not acknowledged
    std::deque<Held> window_;
    std::size_t sent_ = 0;  // of the window, came out already
    std::uint64_t next_frame_;
    std::uint64_t durable_;
    std::uint64_t acknowledged_through_ = 0;  // frames whose messages are all acknowledged
    std::uint64_t snapshot_frame_ = 0;        // the newest frame that has all checkpoints
    std::uint64_t drop_through_ = 0;
    Seen seen_;
    std::size_t snapshot_segments_ = 0;  // segments when the last snapshot was written
    Figures figures_;
    bool stopping_ = false;
    Event work_, room_, more_, progressed_;
    Scope scope_;  // last: its task uses everything above
};

}  // namespace mw::outbox
