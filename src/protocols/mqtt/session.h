#pragma once
// Inside the module: what the broker remembers of a client beyond its connections (MQTT 5 4.1):
// subscriptions, messages above QoS 0 that were sent but not acknowledged, those that wait, and the
// ids of QoS 2 messages that came and were not released. No I/O.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/delivery.h"
#include "protocols/mqtt/due.h"
#include "protocols/mqtt/ring.h"
#include "protocols/mqtt/topics.h"
#include "protocols/mqtt/uplink.h"

namespace mw::mqtt {

class Connection;
class Core;

struct Will {
    MessageRef message;
    bool retain = false;
    std::uint32_t delay_s = 0;
};

class Session final : public Due {
 public:
    Session(Core& core, Identity owner, std::string client_id);
    ~Session() override;

    const Identity& owner() const { return owner_; }
    const std::string& client_id() const { return client_id_; }
    Connection* connection() const { return connection_; }
    bool persistent() const { return expiry_s_ > 0; }
    void set_expiry(std::uint32_t seconds) { expiry_s_ = seconds; }
    void set_will(std::optional<Will> will) { will_ = std::move(will); }

    // A connection takes the session: what was in flight is sent again, then what waited.
    void attach(Connection& connection, std::uint16_t receive_maximum);
    // The connection is gone. The will is due now or later; false: the session has ended with it.
    bool detach(SteadyTime now);
    std::optional<Will> take_due_will(SteadyTime now, bool session_ends);

    // One message for this session, by all its matching subscriptions together.
    void deliver(Delivery& delivery, QoS granted, bool retain,
                 const std::vector<std::uint32_t>& subscription_ids);
    // PUBACK. False: no message with this id is in flight at QoS 1.
    bool acknowledged(PacketId id);
    // PUBREC (4.3.3): from now on the message is the client's. The caller answers with PUBREL, but
    // for a refusal, after which the exchange is over. False: none with this id at QoS 2.
    bool taken(PacketId id, bool refused);
    // PUBCOMP. False: nothing that this would complete.
    bool completed(PacketId id);

    // What the client sent at QoS 2 until it says PUBREL, with the ticket of its PUBREC.
    const Ticket* unreleased(PacketId id) const;
    void keep_unreleased(PacketId id, Ticket ticket) { unreleased_[id] = ticket; }
    bool release(PacketId id) { return unreleased_.erase(id) > 0; }
    std::size_t unreleased() const { return unreleased_.size(); }
    // Sends what waits, as far as the client's window and the outbox have room.
    void pump();

    ReasonCode subscribe(const FilterRequest& request, std::uint32_t subscription_id, bool& is_new);
    bool unsubscribe(std::string_view filter);

    std::size_t subscriptions() const { return filters_.size(); }
    std::size_t inflight() const { return window_.size(); }
    std::size_t queued() const { return queue_.size(); }
    std::size_t queued_bytes() const { return queued_bytes_; }

    void on_due(SteadyTime now) override;

 private:
    struct Outgoing {
        MessageRef message;  // null in the window of a session that ends with its connection
        QoS qos = QoS::at_least_once;
        bool retain = false;
        bool taken = false;  // QoS 2: the client has it; what it needs is PUBREL
        bool done = false;   // acknowledged, but an earlier one is not yet
        std::vector<std::uint32_t> subscription_ids;
    };
    bool may_send() const;
    void send_at_most_once(Delivery& delivery, bool retain, const std::vector<std::uint32_t>& ids);
    void send_acknowledged(Delivery& delivery, Outgoing outgoing);
    void enqueue(Outgoing outgoing);
    bool make_room(std::size_t cost);
    void resend();
    void resend(const Outgoing& outgoing, PacketId id);
    Outgoing* in_flight(PacketId id, QoS qos);
    void close_in_flight(PacketId id);
    void account(std::int64_t bytes);
    PacketId id_at(std::size_t index) const;
    void arm_for_absence(SteadyTime now);

    Core& core_;
    Identity owner_;
    std::string client_id_;
    Connection* connection_ = nullptr;
    std::uint32_t expiry_s_ = 0;
    SteadyTime expires_;   // while absent
    SteadyTime will_due_;  // while absent
    std::optional<Will> will_;
    std::vector<std::string> filters_;

    // Ids are given in order and clients acknowledge in order (MQTT-4.6.0-2), so the window is a
    // ring whose first id is first_id_, and an id finds its place by subtraction.
    Ring<Outgoing> window_;
    PacketId first_id_ = 1;
    std::size_t sent_ = 0;        // of window_, on this connection
    std::size_t unanswered_ = 0;  // of those, not acknowledged
    std::uint16_t receive_maximum_ = 0;
    Ring<Outgoing> queue_;
    std::size_t queued_bytes_ = 0;
    std::map<PacketId, Ticket> unreleased_;  // at most one per packet id
};

}  // namespace mw::mqtt
