#pragma once
// The host application: edge nodes' messages in, batches and commands out. Belongs to one loop; a
// call does not block. Every buffer's limit is in HostOptions, every refusal in the metrics.

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/metrics.h"
#include "domain/point_sink.h"
#include "protocols/mqtt/mqtt.h"
#include "protocols/sparkplug/address.h"
#include "protocols/sparkplug/decode.h"

namespace mw::sparkplug {

struct HostOptions {
    std::string host_id = "millwright";           // of STATE; empty: no STATE is told
    nanoseconds reorder_timeout = seconds{5};     // how long a gap may last
    nanoseconds birth_timeout = seconds{30};      // of devices, after their node's birth
    nanoseconds rebirth_every = seconds{10};      // one node is asked at most so often
    nanoseconds rebirth_rarest = minutes{5};      // one that does not answer
    std::size_t rebirths_per_second = 50;         // of all nodes
    nanoseconds retry_after = milliseconds{250};  // storage that had no room
    std::size_t held_messages = 64;               // of one node; then its gap is given up
    std::size_t held_bytes = std::size_t{1} << 20;
    std::size_t held_bytes_in_all = std::size_t{32} << 20;
    std::size_t metrics_per_node = 50'000;  // its devices' included
    std::size_t devices_per_node = 1'000;
    std::size_t name_bytes = 128;  // of a signal
    DecodeLimits decode = {};
};

// Owned here: where things go. Called on the host's loop.
class Outlet {
 public:
    virtual ~Outlet() = default;
    // Judges and stores. overloaded: the host offers the same batch again, later.
    virtual Result<Ticket> store(Batch& batch) = 0;
    // What can't be used, for people to see.
    virtual Result<Ticket> bury(std::string_view device, std::string_view topic,
                                std::string_view reason, ByteView body) = 0;
    // A message for the broker to publish, after the call that is under way.
    virtual void send(std::string topic, Bytes payload, bool retain, mqtt::QoS qos) = 0;
};

class Host {
 public:
    Host(HostOptions options, const Clock& clock, Outlet& outlet, metrics::Registry& registry);
    ~Host();

    // The edge nodes whose metrics become points; all others' messages are nobody's. The first time
    // that there is one, STATE is told.
    void declare(AddressSnapshot addresses);
    void stop();  // STATE: offline

    // A message below topic_root. Ticket 0: nothing of it is stored now. Only messages of QoS 0 are
    // held back for order, since nobody waits for their acknowledgement; one above that is taken at
    // once. Errors are the outlet's; after overloaded the same message must come again.
    Result<Ticket> receive(std::string_view topic, ByteView body, mqtt::QoS qos);
    // What time brings: gaps given up, rebirths asked for, staleness. Cheap when nothing is due.
    void tick();

 private:
    class Machine;
    std::unique_ptr<Machine> machine_;
};

}  // namespace mw::sparkplug
