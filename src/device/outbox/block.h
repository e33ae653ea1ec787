#pragma once
// The bytes of one block of a lane (docs/formats/outbox.md): messages of one rank out of many
// frames of the journal, compressed together. Pure functions, used on a worker.

#include <functional>

#include "device/outbox/frame.h"

namespace mw::outbox {

struct BlockHead {
    std::uint32_t messages = 0;
    std::uint32_t raw_bytes = 0;    // of the frames, before compressing
    std::uint64_t first_frame = 0;  // of the journal
    std::uint64_t last_frame = 0;
};

class BlockBuilder {
 public:
    // Frames in order; only the messages of `parts`, which are of one rank.
    void add(std::uint64_t frame, const FrameParts& parts);
    std::size_t raw_bytes() const { return raw_.size(); }
    bool empty() const { return head_.messages == 0; }
    const BlockHead& head() const { return head_; }
    Bytes seal();  // the block; the builder is then empty

 private:
    BlockHead head_;
    Bytes raw_;
};

Result<BlockHead> read_block_head(ByteView block);
// Calls `visit` for each frame in the block, in order. corrupt: what does not add up.
Result<> read_block(ByteView block,
                    const std::function<void(std::uint64_t frame, ByteView bytes)>& visit);

}  // namespace mw::outbox
