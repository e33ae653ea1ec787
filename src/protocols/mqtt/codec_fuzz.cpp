// Any bytes as packets of either version: no crash, every view inside the input, and what decodes
// without a fault encodes again to something that decodes the same.
#include <cstdlib>

#include "base/assert.h"
#include "protocols/mqtt/codec.h"

namespace mw::mqtt {
namespace {

void inside(ByteView whole, ByteView part) {
    if (part.empty()) return;
    ASSERT(part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void publish(const Frame& frame, Version version) {
    Publish packet;
    if (!decode(frame, version, packet).ok()) return;
    inside(frame.body, packet.payload);
    inside(frame.body, bytes_of(packet.topic));
    Bytes again;
    encode(again, version, packet);
    Frame second;
    Publish back;
    ASSERT(next_frame(again, SIZE_MAX, second).ok() && second.size == again.size());
    ASSERT(decode(second, version, back).ok());
    ASSERT(back.topic == packet.topic && back.payload.size() == packet.payload.size());
}

template <class Packet>
void plain(const Frame& frame, Version version) {
    Packet packet;
    const Fault fault = decode(frame, version, packet);
    ASSERT(fault.ok() || !fault.what.empty());
    ASSERT(fault.ok() || fault.offset <= frame.body.size());
}

void one(const Frame& frame, Version version) {
    switch (frame.type) {
        case PacketType::connect: {
            Connect packet;
            if (!decode(frame, packet).ok()) return;
            Bytes again;
            encode(again, packet);
            Frame second;
            ASSERT(next_frame(again, SIZE_MAX, second).ok());
            ASSERT(decode(second, packet).ok());
            return;
        }
        case PacketType::publish:
            return publish(frame, version);
        case PacketType::connack:
            return plain<Connack>(frame, version);
        case PacketType::subscribe:
            return plain<Subscribe>(frame, version);
        case PacketType::unsubscribe:
            return plain<Unsubscribe>(frame, version);
        case PacketType::suback:
        case PacketType::unsuback:
            return plain<Suback>(frame, version);
        case PacketType::disconnect:
        case PacketType::auth:
            return plain<Disconnect>(frame, version);
        case PacketType::pingreq:
        case PacketType::pingresp:
            (void)decode_empty(frame).ok();
            return;
        default:
            return plain<Ack>(frame, version);
    }
}

}  // namespace
}  // namespace mw::mqtt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mw::mqtt;
    for (Version version : {Version::v3_1_1, Version::v5}) {
        mw::ByteView rest(data, size);
        Frame frame;
        while (next_frame(rest, 65'536, frame).ok() && frame.size > 0) {
            one(frame, version);
            rest = rest.subspan(frame.size);
        }
    }
    return 0;
}
