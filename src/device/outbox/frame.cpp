#include "device/outbox/frame.h"

namespace mw::outbox {
namespace {

// u16 stream, u16 topic, u32 payload, u64 sequence; u16 key, u16 zero, u32 value.
constexpr std::size_t head_bytes = 8, message_head_bytes = 16, checkpoint_head_bytes = 8;

class Writer {
 public:
    explicit Writer(std::span<std::uint8_t> into) : into_(into) {}
    template <class T>
    void number(T value) {
        store_le(into_.data() + at_, value);
        at_ += sizeof value;
    }
    void bytes(ByteView bytes) {
        std::copy(bytes.begin(), bytes.end(), into_.begin() + static_cast<std::ptrdiff_t>(at_));
        at_ += bytes.size();
    }
    std::size_t at() const { return at_; }

 private:
    std::span<std::uint8_t> into_;
    std::size_t at_ = 0;
};

class Reader {
 public:
    explicit Reader(ByteView bytes) : bytes_(bytes) {}
    bool has(std::size_t count) const { return bytes_.size() >= count; }
    template <class T>
    T number() {
        const T value = load_le<T>(bytes_.data());
        bytes_ = bytes_.subspan(sizeof value);
        return value;
    }
    ByteView take(std::size_t count) {
        const ByteView part = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return part;
    }
    bool at_end() const { return bytes_.empty(); }

 private:
    ByteView bytes_;
};

Error broken() { return {Errc::corrupt, "an outbox frame's lengths do not add up"}; }

}  // namespace

std::size_t frame_size(const FrameParts& parts) {
    std::size_t size = head_bytes;
    for (const auto& m : parts.messages)
        size += message_head_bytes + m.stream.size() + m.topic.size() + m.payload.size();
    for (const auto& c : parts.checkpoints)
        size += checkpoint_head_bytes + c.key.size() + c.value.size();
    return size;
}

void write_frame(const FrameParts& parts, std::span<std::uint8_t> into) {
    Writer out(into);
    out.number(static_cast<std::uint32_t>(parts.messages.size()));
    out.number(static_cast<std::uint32_t>(parts.checkpoints.size()));
    for (const auto& m : parts.messages) {
        out.number(static_cast<std::uint16_t>(m.stream.size()));
        out.number(static_cast<std::uint16_t>(m.topic.size()));
        out.number(static_cast<std::uint32_t>(m.payload.size()));
        out.number(m.sequence);
        out.bytes(bytes_of(m.stream));
        out.bytes(bytes_of(m.topic));
        out.bytes(m.payload);
    }
    for (const auto& c : parts.checkpoints) {
        out.number(static_cast<std::uint16_t>(c.key.size()));
        out.number(std::uint16_t{0});
        out.number(static_cast<std::uint32_t>(c.value.size()));
        out.bytes(bytes_of(c.key));
        out.bytes(c.value);
    }
    ASSERT(out.at() == into.size());
}

Result<FrameParts> read_frame(ByteView bytes) {
    Reader in(bytes);
    if (!in.has(head_bytes)) return broken();
    const auto messages = in.number<std::uint32_t>();
    const auto checkpoints = in.number<std::uint32_t>();
    FrameParts parts;
    for (std::uint32_t i = 0; i < messages; ++i) {
        if (!in.has(message_head_bytes)) return broken();
        const std::size_t stream = in.number<std::uint16_t>();
        const std::size_t topic = in.number<std::uint16_t>();
        const std::size_t payload = in.number<std::uint32_t>();
        const auto sequence = in.number<std::uint64_t>();
        if (!in.has(stream + topic + payload)) return broken();
        FrameMessage& m = parts.messages.emplace_back();
        m.sequence = sequence;
        m.stream = text_of(in.take(stream));
        m.topic = text_of(in.take(topic));
        m.payload = in.take(payload);
    }
    for (std::uint32_t i = 0; i < checkpoints; ++i) {
        if (!in.has(checkpoint_head_bytes)) return broken();
        const std::size_t key = in.number<std::uint16_t>();
        in.number<std::uint16_t>();
        const std::size_t value = in.number<std::uint32_t>();
        if (!in.has(key + value)) return broken();
        FrameCheckpoint& c = parts.checkpoints.emplace_back();
        c.key = text_of(in.take(key));
        c.value = in.take(value);
    }
    if (!in.at_end()) return broken();
    return parts;
}

}  // namespace mw::outbox
