#pragma once
// Inside platform/files: where the frames of a log stand, so that a loop can say where to read
// while a worker writes. An entry for about each 32 KiB: a reader walks from there to its frame. No
// I/O.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace mw::files {

class Files;

class FrameIndex {
 public:
    static constexpr std::uint64_t step_bytes = std::uint64_t{32} << 10;

    // Bytes of a segment's file among which a frame stands, if it does at all.
    struct Span {
        std::uint64_t segment = 0;
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        bool operator==(const Span&) const = default;
    };
    // A frame that begins there; `end` is behind all that is known of the segment. Numbers grow.
    void add(std::uint64_t segment, std::uint64_t offset, std::uint64_t number, std::uint64_t end);
    void drop(std::uint64_t through);  // as AppendLog::drop
    std::optional<Span> find(std::uint64_t number) const;

 private:
    struct Entry {
        std::uint64_t number = 0;
        std::uint64_t offset = 0;
    };
    struct Segment {
        std::uint64_t id = 0;
        std::uint64_t end = 0;
        std::vector<Entry> entries;
    };
    std::deque<Segment> segments_;
};

struct WantedFrame {
    std::uint64_t number = 0;
    std::optional<FrameIndex::Span> span;
};
// Reads them, one span at a time; neighbours share a read. Blocks. corrupt: it is not there, or not
// what was written.
std::vector<Result<Bytes>> read_frames(Files& files, const std::string& directory,
                                       const std::vector<WantedFrame>& wanted);

}  // namespace mw::files
