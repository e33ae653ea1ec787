#include <algorithm>

#include "platform/files/append_log.h"
#include "platform/files/append_log_format.h"
#include "platform/files/frame_index.h"

namespace mw::files {

std::span<std::uint8_t> FrameGroup::begin(std::uint64_t number, std::size_t payload_bytes) {
    ASSERT(number > last_ && payload_bytes <= UINT32_MAX);
    frame_at_ = bytes_.size();
    if (landmarks_.empty() || frame_at_ - landmarks_.back().offset >= FrameIndex::step_bytes)
        landmarks_.push_back({number, frame_at_});
    bytes_.resize(frame_at_ + format::frame_head_bytes + payload_bytes);
    if (frames_++ == 0) first_ = number;
    last_ = number;
    return std::span(bytes_).subspan(frame_at_ + format::frame_head_bytes);
}

void FrameGroup::seal() {
    format::finish_item(std::span(bytes_).subspan(frame_at_), format::frame_magic, last_);
}

void FrameGroup::add(std::uint64_t number, ByteView payload) {
    std::copy(payload.begin(), payload.end(), begin(number, payload.size()).begin());
    seal();
}

void FrameGroup::clear() {
    bytes_.resize(format::frame_head_bytes);  // the mark, which the log fills in
    landmarks_.clear();
    frames_ = 0;
    first_ = last_ = 0;
}

}  // namespace mw::files
