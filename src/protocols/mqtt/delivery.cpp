#include "protocols/mqtt/delivery.h"

#include <algorithm>

#include "protocols/mqtt/blocks.h"
#include "protocols/mqtt/wire.h"

namespace mw::mqtt {
namespace {

// What a server passes on (MQTT 5 3.3.2.3): everything but alias and subscription identifiers.
void keep_forwarded(const Properties& from, Properties& to) {
    to.clear();
    if (from.empty()) return;
    to = from;
    to.remove(Property::topic_alias);
    to.remove(Property::subscription_id);
    to.remove(Property::will_delay);
}

// Allocates with room behind the object, and tells where it begins.
template <class T>
struct RoomBehind {
    using value_type = T;
    RoomBehind(std::size_t bytes, std::uint8_t*& room) : bytes(bytes), room(room) {}
    template <class U>
    RoomBehind(const RoomBehind<U>& other) : bytes(other.bytes), room(other.room) {}
    T* allocate(std::size_t n) {
        auto* block = static_cast<std::uint8_t*>(Blocks::take(n * sizeof(T) + bytes));
        room = block + n * sizeof(T);
        return reinterpret_cast<T*>(block);
    }
    void deallocate(T* block, std::size_t n) { Blocks::give(block, n * sizeof(T) + bytes); }
    std::size_t bytes;
    std::uint8_t*& room;  // for allocate() only
};

MessageRef store(std::string_view topic, ByteView payload, QoS qos, const Properties& properties,
                 SteadyTime now, std::uint32_t publisher) {
    Bytes section;
    SteadyTime expires;
    if (!properties.empty()) {
        Properties kept;
        keep_forwarded(properties, kept);
        if (kept.has(Property::message_expiry))
            expires = now + seconds{kept.number(Property::message_expiry, 0)};
        kept.remove(Property::message_expiry);
        if (!kept.empty()) encode(section, kept);
    }
    auto message = make_message(topic, payload, section);
    message->qos = qos;
    message->publisher = publisher;
    message->expires = expires;
    return message;
}

std::uint32_t seconds_left(SteadyTime expires, SteadyTime now) {
    const auto left = std::chrono::ceil<seconds>(expires - now).count();
    return left <= 0 ? 0 : static_cast<std::uint32_t>(left);
}

}  // namespace

std::shared_ptr<StoredMessage> make_message(std::string_view topic, ByteView payload,
                                            ByteView properties) {
    std::uint8_t* room = nullptr;
    const std::size_t bytes = topic.size() + payload.size() + properties.size();
    auto message = std::allocate_shared<StoredMessage>(RoomBehind<StoredMessage>(bytes, room));
    const auto copy = [&room](ByteView from) {
        std::uint8_t* const to = room;
        room = std::copy(from.begin(), from.end(), to);
        return ByteView(to, from.size());
    };
    message->topic = text_of(copy(bytes_of(topic)));
    message->payload = copy(payload);
    message->properties = copy(properties);
    return message;
}

MessageRef store(const Publish& publish, SteadyTime now, std::uint32_t publisher) {
    return store(publish.topic, publish.payload, publish.qos, publish.properties, now, publisher);
}

MessageRef store(const WillView& will, SteadyTime now, std::uint32_t publisher) {
    return store(will.topic, will.payload, will.qos, will.properties, now, publisher);
}

void Delivery::begin(const Publish& publish, SteadyTime now, std::uint32_t publisher) {
    packet_.topic = publish.topic;
    packet_.payload = publish.payload;
    packet_.qos = publish.qos;
    published_retained_ = publish.retain;
    publisher_ = publisher;
    keep_forwarded(publish.properties, packet_.properties);
    stored_.reset();
    now_ = now;
    built_ = 0;
}

void Delivery::begin(MessageRef message, SteadyTime now) {
    packet_.topic = message->topic;
    packet_.payload = message->payload;
    packet_.qos = message->qos;
    published_retained_ = false;
    publisher_ = message->publisher;
    packet_.properties.clear();
    if (!message->properties.empty()) {
        Reader reader(PacketType::publish, message->properties);
        read_properties(reader, PacketType::publish, packet_.properties);
    }
    if (message->expires.ns != 0)
        packet_.properties.set(Property::message_expiry, seconds_left(message->expires, now));
    stored_ = std::move(message);
    now_ = now;
    built_ = 0;
}

const MessageRef& Delivery::stored() {
    if (!stored_) stored_ = store(packet_, now_, publisher_);
    return stored_;
}

const Bytes& Delivery::image(Version version, QoS qos, bool retain, PacketId id) {
    const unsigned index =
        (version == Version::v5 ? 6u : 0u) + 2u * static_cast<unsigned>(qos) + (retain ? 1u : 0u);
    Bytes& image = images_[index];
    if ((built_ >> index & 1) == 0) {
        built_ |= 1u << index;
        image.clear();
        encode_for(image, version, qos, retain, false, 1, {});
        id_offsets_[index] = packet_id_offset(image);
    }
    if (qos == QoS::at_most_once) return image;
    image[id_offsets_[index]] = static_cast<std::uint8_t>(id >> 8);
    image[id_offsets_[index] + 1] = static_cast<std::uint8_t>(id);
    return image;
}

void Delivery::encode_for(Bytes& out, Version version, QoS qos, bool retain, bool dup, PacketId id,
                          const std::vector<std::uint32_t>& subscription_ids) {
    const QoS own = packet_.qos;
    packet_.qos = qos;
    packet_.retain = retain;
    packet_.dup = dup;
    packet_.id = id;
    for (std::uint32_t subscription : subscription_ids)
        packet_.properties.add_subscription_id(subscription);
    encode(out, version, packet_);
    packet_.properties.remove(Property::subscription_id);
    packet_.qos = own;
}

}  // namespace mw::mqtt
