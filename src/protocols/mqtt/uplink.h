#pragma once
// The seam upward: every accepted PUBLISH goes through it, on the broker's loop, without blocking.
// A QoS 1 PUBACK leaves when durable() has reached the ticket that publish() returned.

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "domain/point_sink.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

// What another loop of the broker made of a payload on its way up, such as columns.
class Prepared {
 public:
    virtual ~Prepared() = default;
    virtual std::size_t bytes() const = 0;  // of memory, about
    virtual bool is_whole() const = 0;      // the uplink needs no payload beside it
    virtual void expect() const = 0;        // it is used soon: fetches what it can
};

// Belongs to a loop of the broker on which the uplink is not, and knows nothing of what is there.
class Preparer {
 public:
    virtual ~Preparer() = default;
    // False: publish() would answer ticket 0, whatever the message says.
    virtual bool wants(std::string_view topic) const = 0;
    // topic and payload live until the call returns. Null: there is nothing to prepare.
    virtual std::unique_ptr<Prepared> prepare(std::string_view topic, ByteView payload) = 0;
    // The uplink is done with it: its memory may serve again.
    virtual void take_back(std::unique_ptr<Prepared> used) = 0;
};

struct PublishProperties {
    QoS qos = QoS::at_most_once;
    bool retain = false;
    bool dup = false;
    std::string_view content_type;
    const Properties* all = nullptr;  // MQTT 5 only
    Prepared* prepared = nullptr;     // by a preparer of this uplink; null: by none
};

class Uplink {
 public:
    virtual ~Uplink() = default;

    // topic and payload live until the call returns; a payload of which something whole was
    // prepared is empty. Errors: overloaded (the door stops reading
    // this client and offers the same message again), io_failed (the client is disconnected),
    // denied and invalid_input (the message is refused). A body that cannot be decoded is not an
    // error here: it belongs in the dead-letter log, with that entry's ticket.
    virtual Result<Ticket> publish(const Identity& identity, std::string_view topic,
                                   ByteView payload, const PublishProperties& properties) = 0;
    virtual Ticket durable() const = 0;
    // Of a durable ticket, where the answer was not known when it was given: why it is refused
    // (denied, invalid_input, io_failed). Null: it is not.
    virtual const Error* refusal(Ticket) const { return nullptr; }
    // For another loop, before it runs. Null: messages come as they are.
    virtual std::unique_ptr<Preparer> preparer() { return nullptr; }
};

}  // namespace mw::mqtt
