#include "device/outbox/lane.h"

namespace mw::outbox {
namespace {

// A block is a frame of one entry at least, and an entry has a few megabytes at most.
constexpr std::size_t lane_frame_bytes_max = std::size_t{16} << 20;

files::AppendLogOptions lane_log_options(const LaneOptions& options) {
    files::AppendLogOptions log;
    log.directory = options.directory;
    log.purpose = "outbox-lane";
    log.segment_bytes = options.segment_bytes;
    log.frame_bytes_max = lane_frame_bytes_max;
    return log;
}

std::uint32_t messages_after(ByteView block, std::uint64_t done) {
    std::uint32_t left = 0;
    const auto count = [&](std::uint64_t frame, ByteView bytes) {
        if (frame <= done) return;
        if (const auto parts = read_frame(bytes))
            left += static_cast<std::uint32_t>(parts->messages.size());
    };
    ignore(read_block(block, count), "a block that cannot be read holds nothing to send");
    return left;
}

}  // namespace

Lane::Lane(LaneOptions options, files::AppendLog log)
    : options_(std::move(options)), log_(std::move(log)) {}

Result<Lane::Opened> Lane::open(files::Files& files, LaneOptions options, std::uint64_t done) {
    Opened opened;
    const auto visit = [&](const files::LogFrame& frame) {
        const auto head = read_block_head(frame.payload);
        if (!head) return;  // of a later version: passed over
        opened.last_frame = std::max(opened.last_frame, head->last_frame);
        LaneBlock block{frame.number, frame.segment, head->first_frame, head->last_frame,
                        head->messages};
        if (head->first_frame <= done) block.left = messages_after(frame.payload, done);
        if (head->last_frame > done && block.left > 0) opened.blocks.push_back(block);
    };
    TRY(auto log, files::AppendLog::open(files, lane_log_options(options), visit));
    opened.lane.reset(new Lane(std::move(options), std::move(log)));
    return opened;
}

void Lane::add(std::uint64_t frame, const FrameParts& parts) {
    builder_.add(frame, parts);
    if (builder_.raw_bytes() >= options_.block_bytes) seal();
}

void Lane::seal() {
    const BlockHead head = builder_.head();
    const std::uint64_t number = log_.next() + sealed_.size();
    sealed_.push_back({number, 0, head.first_frame, head.last_frame, head.messages});
    group_.add(number, builder_.seal());
}

Result<std::vector<LaneBlock>> Lane::commit() {
    if (!builder_.empty()) seal();
    auto blocks = std::exchange(sealed_, {});
    if (blocks.empty()) return blocks;
    auto committed = log_.commit(group_);
    group_ = {};
    if (!committed) return std::move(committed).error().context("keeping " + options_.directory);
    for (LaneBlock& block : blocks) block.segment = log_.last_group().first;
    return blocks;
}

Result<std::vector<LoadedFrame>> Lane::read(const LaneBlock& block) {
    files::AppendLog::Cursor cursor(block.number);
    TRY(const auto frame, log_.read(cursor));
    if (frame.number != block.number)
        return Error{Errc::corrupt, "a block of " + options_.directory + " has rotted away"};
    std::vector<LoadedFrame> frames;
    TRY_VOID(read_block(frame.payload, [&](std::uint64_t number, ByteView bytes) {
        frames.push_back({number, Bytes(bytes.begin(), bytes.end())});
    }));
    return frames;
}

}  // namespace mw::outbox
