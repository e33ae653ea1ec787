#pragma once
// A checksummed append log in segment files (docs/formats/append-log.md). Belongs to one user at a
// time, on any thread; its calls block. Opening cuts what a crash tore and reports what has rotted;
// frames that were synced stay readable around the damage.

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace mw::files {

class Files;
class File;
struct SpareSegment;

struct AppendLogOptions {
    std::string directory;
    std::string purpose;  // at most 16 characters, kept in every header
    std::size_t segment_bytes = std::size_t{8} << 20;  // reading holds one segment in memory
    std::size_t frame_bytes_max = std::size_t{4} << 20;
    // The next frame's number is at least this: numbers that a catalog elsewhere has used up.
    std::uint64_t next_number_min = 1;
    // A dropped segment becomes the next spare one and is overwritten: not if others may be reading
    // it (open_log_pieces), nor if what is dropped must be gone.
    bool recycles = false;
};

// Frames numbered in order, on their way into a log. Building them needs no I/O, so a loop fills
// one group while a worker commits another.
class FrameGroup {
 public:
    FrameGroup() { clear(); }

    // Room for a payload of this size, numbered; write it before the next call, then seal().
    std::span<std::uint8_t> begin(std::uint64_t number, std::size_t payload_bytes);
    void seal();  // the checksum of the frame begun last
    void add(std::uint64_t number, ByteView payload);

    bool empty() const { return frames_ == 0; }
    std::size_t frames() const { return frames_; }
    std::size_t bytes() const { return bytes_.size(); }
    std::uint64_t first() const { return first_; }
    std::uint64_t last() const { return last_; }
    void clear();  // keeps the buffer

    // A frame for about each 32 KiB, to find the others by.
    struct Landmark {
        std::uint64_t number = 0;
        std::size_t offset = 0;  // in the group's bytes
    };
    const std::vector<Landmark>& landmarks() const { return landmarks_; }

 private:
    friend class AppendLog;
    std::vector<Landmark> landmarks_;
    Bytes bytes_;  // a mark, then frames
    std::size_t frame_at_ = 0;
    std::size_t frames_ = 0;
    std::uint64_t first_ = 0;
    std::uint64_t last_ = 0;
};

struct LogFrame {
    std::uint64_t number = 0;
    ByteView payload;  // valid until the next step
    // Where it stands; told while a log is opened.
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;  // in its file
};

// Synced bytes that no longer are what was written.
struct LogDamage {
    std::string path;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::uint64_t after_number = 0;   // the last good frame before the damage; 0: none
    std::uint64_t before_number = 0;  // the first good frame after it; 0: none
};

struct LogOpenReport {
    std::uint64_t frames = 0;
    std::uint64_t torn_bytes = 0;  // of the tail, never acknowledged, cut
    std::vector<LogDamage> damage;
};

// What a segment's bytes hold; a pure function of them.
struct SegmentScan {
    bool header_ok = false;
    std::uint64_t first_number = 0;    // of the first good frame; 0: none
    std::uint64_t last_number = 0;     // of the last good frame
    std::uint64_t synced_through = 0;  // highest number known to have been durable
    std::uint64_t frames = 0;
    std::uint64_t good_bytes = 0;   // what comes after this is torn or rotten
    bool rotten_tail = false;       // rotten
    std::vector<LogDamage> damage;  // path left empty
};
// What is known from elsewhere about a segment.
struct ScanContext {
    std::string_view purpose;
    std::uint64_t number_before = 0;   // the last good frame before this segment
    std::uint64_t synced_through = 0;  // damage up to here is rot; a torn tail lies behind it
    std::uint64_t end_number = std::numeric_limits<std::uint64_t>::max();  // void from here on
};
// Calls `visit` for each good frame that is not void, in order.
SegmentScan scan_segment(ByteView bytes, const ScanContext& context,
                         const std::function<void(const LogFrame&)>& visit);

class AppendLog {
 public:
    using Visitor = std::function<void(const LogFrame&)>;

    // Replays every frame that is not torn. corrupt: a header of another purpose or version.
    static Result<AppendLog> open(Files& files, AppendLogOptions options,
                                  const Visitor& visit = {});
    AppendLog(AppendLog&&) noexcept;
    AppendLog& operator=(AppendLog&&) noexcept;
    ~AppendLog();

    // Writes the group and syncs it: durable when this returns. After an error nothing of the group
    // counts, and committing the same group again, when the disk has recovered, is safe.
    // The group's numbers must start at next() or later. overloaded: no space; io_failed.
    Result<> commit(FrameGroup& group);
    // For small logs: one frame, durable when this returns; its number.
    Result<std::uint64_t> append(ByteView payload);

    // Removes segments whose frames all have numbers up to this one; never the one being written.
    Result<> drop(std::uint64_t through);
    // Starts a new segment with the next commit.
    void rotate() { rotate_ = true; }

    // Whether a segment of zeros should be made now (make_spare_segment, on any thread): groups are
    // small, and the segment being written grows, or is more than half full.
    bool wants_spare() const;
    // The next commit goes into it at once if the segment being written grows, else when it is
    // full.
    void use_spare(SpareSegment spare);

    std::uint64_t next() const { return next_; }  // number of the next frame
    std::uint64_t first() const;                  // oldest number kept; next() when empty
    std::uint64_t bytes() const;                  // on disk
    std::size_t segments() const { return segments_.size(); }
    // Where the group that was committed last stands: segment, and offset in its file.
    std::pair<std::uint64_t, std::uint64_t> last_group() const { return last_group_; }
    const LogOpenReport& report() const { return report_; }

    // Visits committed frames numbered `from` and later, oldest first, until `visit` says false.
    // Costs a pass over the segments it touches; a Cursor continues where it was.
    struct Cursor {
        Cursor(std::uint64_t from = 0) : next_number(from) {}
        std::uint64_t next_number;

     private:
        friend class AppendLog;
        std::uint64_t segment = 0;  // id; 0: not placed yet
        std::uint64_t base = 0;     // where in the segment `bytes` begins
        Bytes bytes;
        std::size_t offset = 0;  // of the next frame in `bytes`
    };
    // The next frame at or after cursor.next_number; a frame of number 0 at the end of the log.
    // The payload lives in the cursor.
    Result<LogFrame> read(Cursor& cursor);

 private:
    struct Segment {
        std::uint64_t id = 0;
        std::uint64_t first_number = 0;
        std::uint64_t bytes = 0;
        std::string path;
    };
    struct Found;
    AppendLog(Files& files, AppendLogOptions options);
    Result<> recover(const Visitor& visit);
    Result<> recover_segment(std::vector<Found>& found, std::size_t i, const Visitor& visit);
    Result<> cut_tail(Segment& segment, ByteView bytes, std::uint64_t good_bytes);
    bool needs_segment(const FrameGroup& group) const;
    Result<> start_segment();
    Result<std::unique_ptr<File>> make_segment(const std::string& path, ByteView header);
    Result<std::unique_ptr<File>> name_spare(const std::string& path, ByteView header);
    Result<> write_group(FrameGroup& group);
    const Segment* place(Cursor& cursor) const;
    Result<bool> load(Cursor& cursor, const Segment& segment, std::size_t wanted);
    std::uint64_t end_number(const Segment& segment) const;

    Files* files_;
    AppendLogOptions options_;
    std::vector<Segment> segments_;  // the last one is being written while active_ is set
    std::unique_ptr<File> active_;
    std::uint64_t zeros_end_ = 0;    // of the active file; no more than its bytes: it grows
    std::uint64_t groups_ = 0;       // since the active segment was begun or opened
    std::uint64_t group_bytes_ = 0;  // their sum
    std::unique_ptr<SpareSegment> spare_;
    std::uint64_t next_id_ = 1;
    std::uint64_t next_ = 1;
    std::uint64_t last_ = 0;       // number of the last frame that was synced
    std::uint64_t last_good_ = 0;  // of the last one that was readable when opening
    bool rotate_ = false;
    std::pair<std::uint64_t, std::uint64_t> last_group_;
    LogOpenReport report_;
};

}  // namespace mw::files
