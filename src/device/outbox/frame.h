#pragma once
// The bytes of one outbox frame (docs/formats/outbox.md). Pure functions.

#include <functional>

#include "device/outbox/outbox.h"

namespace mw::outbox {

struct FrameMessage {
    std::uint64_t sequence = 0;
    std::string_view stream;
    std::string_view topic;
    ByteView payload;
};
struct FrameCheckpoint {
    std::string_view key;
    ByteView value;
};
struct FrameParts {
    std::vector<FrameMessage> messages;
    std::vector<FrameCheckpoint> checkpoints;
};

std::size_t frame_size(const FrameParts& parts);
void write_frame(const FrameParts& parts, std::span<std::uint8_t> into);  // exactly frame_size
// Views into the bytes. corrupt: lengths that do not add up.
Result<FrameParts> read_frame(ByteView bytes);

}  // namespace mw::outbox
