#pragma once
// The seam upward: every accepted PUBLISH goes through it, on the broker's loop, without blocking.
// A QoS 1 PUBACK leaves when durable() has reached the ticket that publish() returned.

#include <string_view>

#include "base/bytes.h"
#include "domain/point_sink.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

struct PublishProperties {
    QoS qos = QoS::at_most_once;
    bool retain = false;
    bool dup = false;
    std::string_view content_type;
    const Properties* all = nullptr;  // MQTT 5 only
};

class Uplink {
 public:
    virtual ~Uplink() = default;

    // topic and payload live until the call returns. Errors: overloaded (the door stops reading
    // this client and offers the same message again), io_failed (the client is disconnected),
    // denied and invalid_input (the message is refused). A body that cannot be decoded is not an
    // error here: it belongs in the dead-letter log, with that entry's ticket.
    virtual Result<Ticket> publish(const Identity& identity, std::string_view topic,
                                   ByteView payload, const PublishProperties& properties) = 0;
    virtual Ticket durable() const = 0;
    // Of a durable ticket, where the answer was not known when it was given: why it is refused
    // (denied, invalid_input, io_failed). Null: it is not.
    virtual const Error* refusal(Ticket) const { return nullptr; }
};

}  // namespace mw::mqtt
