#pragma once
// Inside the module: one application message on its way to subscribers. Its wire image is encoded
// once per shape (version, QoS, retain flag) and its owned copy is made once, when the first queue
// needs it.

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "protocols/mqtt/codec.h"

namespace mw::mqtt {

// A message that outlives the packet it came in: retained, queued, in flight, or a will. What it
// points to stands behind it, in the same allocation.
struct StoredMessage {
    std::string_view topic;
    ByteView payload;
    ByteView properties;  // an MQTT 5 property section without expiry; empty: none
    QoS qos = QoS::at_most_once;
    std::uint32_t publisher = 0;  // hash of the client; 0: the hub itself
    SteadyTime expires;           // 0: never

    std::size_t cost() const {
        return sizeof *this + topic.size() + payload.size() + properties.size();
    }
    bool expired(SteadyTime now) const { return expires.ns != 0 && expires <= now; }
};
using MessageRef = std::shared_ptr<const StoredMessage>;
std::shared_ptr<StoredMessage> make_message(std::string_view topic, ByteView payload,
                                            ByteView properties);

// Keeps what travels on to subscribers: no alias, no subscription ids; expiry is apart.
MessageRef store(const Publish& publish, SteadyTime now, std::uint32_t publisher = 0);
MessageRef store(const WillView& will, SteadyTime now, std::uint32_t publisher = 0);

class Delivery {
 public:
    // The views of publish must live as long as the delivery is used. Buffers are kept.
    void begin(const Publish& publish, SteadyTime now, std::uint32_t publisher = 0);
    void begin(MessageRef message, SteadyTime now);

    std::string_view topic() const { return packet_.topic; }
    QoS qos() const { return packet_.qos; }
    ByteView payload() const { return packet_.payload; }
    const Properties& properties() const { return packet_.properties; }
    bool published_retained() const { return published_retained_; }
    std::uint32_t publisher() const { return publisher_; }
    const MessageRef& stored();

    // The whole packet, with this id above QoS 0.
    const Bytes& image(Version version, QoS qos, bool retain, PacketId id);
    // The same for one subscriber: with its subscription ids, and dup.
    void encode_for(Bytes& out, Version version, QoS qos, bool retain, bool dup, PacketId id,
                    const std::vector<std::uint32_t>& subscription_ids);

 private:
    Publish packet_;  // as it goes out, but for QoS, id, retain
    bool published_retained_ = false;
    std::uint32_t publisher_ = 0;
    MessageRef stored_;
    SteadyTime now_;
    unsigned built_ = 0;  // one bit per image
    std::array<Bytes, 12> images_;
    std::array<std::size_t, 12> id_offsets_{};
};

}  // namespace mw::mqtt
