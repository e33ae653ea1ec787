#include "protocols/mqtt/parcel.h"

#include <cstring>

#include "base/assert.h"

namespace mw::mqtt {
namespace {

constexpr unsigned qos_bits = 3;
constexpr unsigned subscribers_bit = 4, uplink_bit = 8, retain_bit = 16, hub_bit = 32, dup_bit = 64,
                   exchange_bit = 128;
constexpr unsigned prepared_bit = 128;  // beside the kind of who it is from
// The bits, the publisher, and the sizes of topic, payload, properties and the rest. The rest is
// the number and whose it is, for the uplink; or the exchange, if any, and groups, each behind its
// size.
constexpr std::size_t head_size = 1 + 5 * 4;

std::uint8_t bits_of(const Passed& message) {
    return static_cast<std::uint8_t>(
        static_cast<unsigned>(message.qos) | (message.to_subscribers ? subscribers_bit : 0u) |
        (message.to_uplink ? uplink_bit : 0u) | (message.retain ? retain_bit : 0u) |
        (message.by_hub ? hub_bit : 0u) | (message.dup ? dup_bit : 0u) |
        (message.exchange != 0 ? exchange_bit : 0u));
}

std::size_t rest_of(const Passed& message) {
    if (message.to_uplink) return 8 + 1 + message.from.size();
    std::size_t size = message.exchange != 0 ? 10 : 0;
    for (const std::string_view group : message.groups) size += 4 + group.size();
    return size;
}

class Writer {
 public:
    explicit Writer(std::uint8_t* at) : at_(at) {}
    template <class T>
    void number(T value) {
        store_le(at_, value);
        at_ += sizeof value;
    }
    void size(std::size_t value) { number(static_cast<std::uint32_t>(value)); }
    void bytes(const void* from, std::size_t size) {
        if (size > 0) std::memcpy(at_, from, size);
        at_ += size;
    }

 private:
    std::uint8_t* at_;
};

template <class T>
T take_number(ByteView& left) {
    const T value = load_le<T>(left.data());
    left = left.subspan(sizeof value);
    return value;
}

ByteView take_bytes(ByteView& left, std::size_t size) {
    const ByteView bytes = left.first(size);
    left = left.subspan(size);
    return bytes;
}

}  // namespace

void encode(Bytes& out, const Passed& message) {
    const std::size_t begin = out.size(), rest = rest_of(message);
    out.resize(begin + head_size + message.topic.size() + message.payload.size() +
               message.properties.size() + rest);
    Writer to(out.data() + begin);
    to.number(bits_of(message));
    to.number(message.publisher);
    to.size(message.topic.size());
    to.size(message.payload.size());
    to.size(message.properties.size());
    to.size(rest);
    to.bytes(message.topic.data(), message.topic.size());
    to.bytes(message.payload.data(), message.payload.size());
    to.bytes(message.properties.data(), message.properties.size());
    if (message.to_uplink) {
        to.number(message.number);
        to.number(static_cast<std::uint8_t>(static_cast<unsigned>(message.from_kind) |
                                            (message.is_prepared ? prepared_bit : 0u)));
        to.bytes(message.from.data(), message.from.size());
        return;
    }
    if (message.exchange != 0) {
        to.number(message.exchange);
        to.number(message.exchange_id);
    }
    for (const std::string_view group : message.groups) {
        to.size(group.size());
        to.bytes(group.data(), group.size());
    }
}

void take(ByteView& left, Passed& out) {
    ASSERT(left.size() >= head_size);
    const auto bits = take_number<std::uint8_t>(left);
    out.qos = static_cast<QoS>(bits & qos_bits);
    out.to_subscribers = (bits & subscribers_bit) != 0;
    out.to_uplink = (bits & uplink_bit) != 0;
    out.retain = (bits & retain_bit) != 0;
    out.by_hub = (bits & hub_bit) != 0;
    out.dup = (bits & dup_bit) != 0;
    out.publisher = take_number<std::uint32_t>(left);
    std::uint32_t sizes[4];
    for (std::uint32_t& size : sizes) size = take_number<std::uint32_t>(left);
    out.topic = text_of(take_bytes(left, sizes[0]));
    out.payload = take_bytes(left, sizes[1]);
    out.properties = take_bytes(left, sizes[2]);
    ByteView rest = take_bytes(left, sizes[3]);
    out.groups.clear();
    out.exchange = 0;
    out.is_prepared = false;
    if (out.to_uplink) {
        out.number = take_number<std::uint64_t>(rest);
        const auto kind = take_number<std::uint8_t>(rest);
        out.is_prepared = (kind & prepared_bit) != 0;
        out.from_kind = static_cast<Identity::Kind>(kind & ~prepared_bit);
        out.from = text_of(rest);
        return;
    }
    if ((bits & exchange_bit) != 0) {
        out.exchange = take_number<std::uint64_t>(rest);
        out.exchange_id = take_number<PacketId>(rest);
    }
    while (!rest.empty()) {
        const auto size = take_number<std::uint32_t>(rest);
        out.groups.push_back(text_of(take_bytes(rest, size)));
    }
}

}  // namespace mw::mqtt
