#pragma once
// What waits for the hub for long, on disk: the blocks of one rank, in DIR/RANK. Its calls block;
// the outbox makes them on a worker, one at a time, and keeps the list of blocks on its loop.

#include "device/outbox/block.h"
#include "device/outbox/ranks.h"
#include "platform/files/files.h"

namespace mw::outbox {

struct LaneBlock {
    std::uint64_t number = 0;   // in the lane's log
    std::uint64_t segment = 0;  // goes from the disk as a whole
    std::uint64_t first_frame = 0, last_frame = 0;
    std::uint32_t left = 0;  // messages that are not acknowledged
};

struct LaneOptions {
    std::string directory;
    std::size_t segment_bytes = 0;
    std::size_t block_bytes = 0;  // before compressing
};

// One frame's messages of the rank, as bytes of a frame.
struct LoadedFrame {
    std::uint64_t number = 0;
    Bytes bytes;
};

class Lane {
 public:
    struct Opened;
    // `done`: frames whose messages of this rank need no sending any more.
    static Result<Opened> open(files::Files& files, LaneOptions options, std::uint64_t done);

    // Frames in order; kept until commit().
    void add(std::uint64_t frame, const FrameParts& parts);
    // Durable when it returns. After an error nothing of it counts, and nothing stays kept.
    Result<std::vector<LaneBlock>> commit();
    Result<std::vector<LoadedFrame>> read(const LaneBlock& block);
    Result<> drop(std::uint64_t through) { return log_.drop(through); }

    std::uint64_t bytes() const { return log_.bytes(); }
    std::size_t segments() const { return log_.segments(); }

 private:
    Lane(LaneOptions options, files::AppendLog log);
    void seal();

    LaneOptions options_;
    files::AppendLog log_;
    BlockBuilder builder_;
    files::FrameGroup group_;
    std::vector<LaneBlock> sealed_;
};

struct Lane::Opened {
    std::unique_ptr<Lane> lane;
    std::vector<LaneBlock> blocks;  // that hold what is left
    std::uint64_t last_frame = 0;   // the highest that any block holds
};

}  // namespace mw::outbox
