#include "device/outbox/block.h"

#include <zstd.h>

namespace mw::outbox {
namespace {

constexpr std::uint32_t block_version = 1;
constexpr std::size_t block_head_bytes = 32, frame_head_bytes = 12;
constexpr std::uint32_t raw_bytes_max = std::uint32_t{64} << 20;
// Of 1 to 19: a gateway's processor has other work, and higher levels gain little on points.
constexpr int compression_level = 3;

Error broken_block(std::string what) {
    return {Errc::corrupt, "a block of the outbox " + std::move(what) +
                               "; its messages are lost, later ones are not"};
}

}  // namespace

void BlockBuilder::add(std::uint64_t frame, const FrameParts& parts) {
    if (parts.messages.empty()) return;
    if (head_.messages == 0) head_.first_frame = frame;
    head_.last_frame = frame;
    head_.messages += static_cast<std::uint32_t>(parts.messages.size());
    const std::size_t at = raw_.size(), size = frame_size(parts);
    raw_.resize(at + frame_head_bytes + size);
    store_le(raw_.data() + at, frame);
    store_le(raw_.data() + at + 8, static_cast<std::uint32_t>(size));
    write_frame(parts, std::span(raw_).subspan(at + frame_head_bytes));
}

Bytes BlockBuilder::seal() {
    head_.raw_bytes = static_cast<std::uint32_t>(raw_.size());
    Bytes block(block_head_bytes + ZSTD_compressBound(raw_.size()));
    store_le(block.data(), block_version);
    store_le(block.data() + 4, head_.messages);
    store_le(block.data() + 8, head_.first_frame);
    store_le(block.data() + 16, head_.last_frame);
    store_le(block.data() + 24, head_.raw_bytes);
    store_le(block.data() + 28, std::uint32_t{0});
    const std::size_t size =
        ZSTD_compress(block.data() + block_head_bytes, block.size() - block_head_bytes, raw_.data(),
                      raw_.size(), compression_level);
    ASSERT(ZSTD_isError(size) == 0);  // the room was the bound
    block.resize(block_head_bytes + size);
    head_ = {};
    raw_ = {};
    return block;
}

Result<BlockHead> read_block_head(ByteView block) {
    if (block.size() < block_head_bytes) return broken_block("has no head");
    if (load_le<std::uint32_t>(block.data()) != block_version)
        return broken_block("is of a version that this agent does not know");
    BlockHead head;
    head.messages = load_le<std::uint32_t>(block.data() + 4);
    head.first_frame = load_le<std::uint64_t>(block.data() + 8);
    head.last_frame = load_le<std::uint64_t>(block.data() + 16);
    head.raw_bytes = load_le<std::uint32_t>(block.data() + 24);
    if (head.raw_bytes > raw_bytes_max || head.first_frame > head.last_frame)
        return broken_block("has a head that makes no sense");
    return head;
}

Result<> read_block(ByteView block,
                    const std::function<void(std::uint64_t frame, ByteView bytes)>& visit) {
    TRY(const BlockHead head, read_block_head(block));
    Bytes raw(head.raw_bytes);
    const ByteView packed = block.subspan(block_head_bytes);
    const std::size_t size = ZSTD_decompress(raw.data(), raw.size(), packed.data(), packed.size());
    if (ZSTD_isError(size) != 0 || size != raw.size())
        return broken_block("does not unpack to the length that it states");
    for (std::size_t at = 0; at < raw.size();) {
        if (raw.size() - at < frame_head_bytes) return broken_block("ends within a frame");
        const auto frame = load_le<std::uint64_t>(raw.data() + at);
        const std::size_t length = load_le<std::uint32_t>(raw.data() + at + 8);
        at += frame_head_bytes;
        if (raw.size() - at < length) return broken_block("ends within a frame");
        visit(frame, ByteView(raw).subspan(at, length));
        at += length;
    }
    return {};
}

}  // namespace mw::outbox
