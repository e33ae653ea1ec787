#pragma once
// What the outbox's loop knows of one rank: what is held to be sent, and where the rest lies.

#include <deque>

#include "device/outbox/lane.h"
#include "device/outbox/outbox.h"

namespace mw::outbox {

struct Outbox::Line {
    std::deque<Queued> window;  // the first `sent` of them came out already
    std::size_t sent = 0;
    std::size_t window_bytes = 0;
    std::uint64_t next = 1;     // the first frame that is not in the window, nor done
    std::uint64_t settled = 0;  // frames up to here are in the lane, later ones in the journal
    // How many messages of a frame that is not done yet are acknowledged already.
    std::uint64_t partial_frame = 0, partial = 0;
    std::uint64_t dropped_through = 0;         // the disk has nothing up to here
    std::deque<LaneBlock> blocks;              // that have something left, oldest first
    std::uint64_t newest_segment = 0;          // of the lane
    std::uint64_t acknowledged_unsettled = 0;  // since the last settling began, not in the lane
    RankFigures figures;

    void hold(std::uint64_t frame, Rank rank, const FrameMessage& message);
    void load(Rank rank, const LoadedFrame& frame);
    void acknowledged(std::uint64_t frame);
};

}  // namespace mw::outbox
