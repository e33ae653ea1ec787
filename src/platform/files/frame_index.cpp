#include "platform/files/frame_index.h"

#include <algorithm>

#include "platform/files/append_log_format.h"
#include "platform/files/files.h"

namespace mw::files {
namespace {

// By their lengths; what is not wanted is not checked.
std::optional<std::size_t> walk_to(ByteView bytes, std::uint64_t number) {
    for (std::size_t at = 0; bytes.size() - at >= format::frame_head_bytes;) {
        const auto magic = load_le<std::uint32_t>(bytes.data() + at);
        const std::size_t length = load_le<std::uint32_t>(bytes.data() + at + 4);
        const std::size_t left = bytes.size() - at - format::frame_head_bytes;
        const bool frame = magic == format::frame_magic;
        if ((!frame && magic != format::mark_magic) || length > left) return std::nullopt;
        if (frame && load_le<std::uint64_t>(bytes.data() + at + 8) == number) return at;
        at += format::frame_head_bytes + length;
    }
    return std::nullopt;
}

// Around what has rotted: only items whose checksum holds.
std::optional<Bytes> search(ByteView bytes, std::uint64_t number) {
    for (std::size_t at = format::next_item(bytes, 0); at < bytes.size();) {
        const auto item = format::item_at(bytes, at);
        if (!item->mark && item->number == number)
            return Bytes(item->payload.begin(), item->payload.end());
        at = format::next_item(bytes, at + item->bytes());
    }
    return std::nullopt;
}

std::optional<Bytes> payload_in(ByteView bytes, std::uint64_t number) {
    if (const auto at = walk_to(bytes, number))
        if (const auto item = format::item_at(bytes, *at))
            return Bytes(item->payload.begin(), item->payload.end());
    return search(bytes, number);
}

Result<Bytes> read_span(Files& files, const std::string& directory, const FrameIndex::Span& span) {
    const std::string path = join(directory, format::segment_name(span.segment));
    TRY(auto file, files.open(path, Mode::read));
    Bytes bytes(span.end - span.begin);
    TRY(const std::size_t got, file->read_at(span.begin, bytes));
    bytes.resize(got);
    return bytes;
}

}  // namespace

void FrameIndex::add(std::uint64_t segment, std::uint64_t offset, std::uint64_t number,
                     std::uint64_t end) {
    if (segments_.empty() || segments_.back().id != segment) segments_.push_back({segment, 0, {}});
    Segment& last = segments_.back();
    last.end = std::max(last.end, end);
    if (last.entries.empty() || offset - last.entries.back().offset >= step_bytes)
        last.entries.push_back({number, offset});
}

void FrameIndex::drop(std::uint64_t through) {
    while (segments_.size() > 1 && segments_[1].entries.front().number <= through + 1)
        segments_.pop_front();
}

std::optional<FrameIndex::Span> FrameIndex::find(std::uint64_t number) const {
    const auto behind = std::upper_bound(
        segments_.begin(), segments_.end(), number,
        [](std::uint64_t n, const Segment& s) { return n < s.entries.front().number; });
    if (behind == segments_.begin()) return std::nullopt;
    const Segment& segment = *std::prev(behind);
    const auto next =
        std::upper_bound(segment.entries.begin(), segment.entries.end(), number,
                         [](std::uint64_t n, const Entry& e) { return n < e.number; });
    return Span{segment.id, std::prev(next)->offset,
                next == segment.entries.end() ? segment.end : next->offset};
}

std::vector<Result<Bytes>> read_frames(Files& files, const std::string& directory,
                                       const std::vector<WantedFrame>& wanted) {
    std::vector<Result<Bytes>> out;
    out.reserve(wanted.size());
    std::optional<FrameIndex::Span> held;
    Result<Bytes> bytes = Bytes{};
    for (const auto& [number, span] : wanted) {
        if (span && held != span) {
            bytes = read_span(files, directory, *span);
            held = span;
        }
        if (span && !bytes) {
            out.emplace_back(bytes.error());
            continue;
        }
        auto payload = span ? payload_in(*bytes, number) : std::nullopt;
        if (payload)
            out.emplace_back(*std::move(payload));
        else
            out.emplace_back(Error{Errc::corrupt, "frame " + std::to_string(number) + " of log " +
                                                      directory + " can't be read back"});
    }
    return out;
}

}  // namespace mw::files
