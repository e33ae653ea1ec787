#include "device/outbox/line.h"

namespace mw::outbox {

void Outbox::Line::hold(std::uint64_t frame, Rank rank, const FrameMessage& message) {
    window.push_back({frame, std::string(message.topic),
                      Bytes(message.payload.begin(), message.payload.end()), rank});
    window_bytes += message.payload.size();
}

void Outbox::Line::load(Rank rank, const LoadedFrame& frame) {
    if (frame.number < next) return;  // of a block that was sent in part
    const auto parts = read_frame(frame.bytes);
    if (!parts) return;
    std::uint64_t skip = frame.number == partial_frame ? partial : 0;
    for (const FrameMessage& message : parts->messages)
        if (skip > 0)
            --skip;
        else
            hold(frame.number, rank, message);
}

void Outbox::Line::acknowledged(std::uint64_t frame) {
    partial = partial_frame == frame ? partial + 1 : 1;
    partial_frame = frame;
    ++figures.acknowledged_messages;
    --figures.unsent_messages;
    if (frame > settled) {
        ++acknowledged_unsettled;
        return;
    }
    // Of a block that was dropped meanwhile, nothing is counted down.
    if (blocks.empty() || frame < blocks.front().first_frame) return;
    if (--blocks.front().left == 0) blocks.pop_front();
}

}  // namespace mw::outbox
