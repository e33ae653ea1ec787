#pragma once
// Inside the module: what the broker remembers of a client beyond its connections (MQTT 5 4.1):
// subscriptions, messages above QoS 0 that were sent but not acknowledged, those that wait, and the
// ids of QoS 2 messages that came and were not released. No I/O.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/delivery.h"
#include "protocols/mqtt/due.h"
#include "protocols/mqtt/lazy_map.h"
#include "protocols/mqtt/ring.h"
#include "protocols/mqtt/session_records.h"
#include "protocols/mqtt/topics.h"
#include "protocols/mqtt/uplink.h"

namespace mw::mqtt {

class Connection;
class Core;

// What an answer waits for: the log of the layers above, the journal, and the other shards.
struct Promise {
    Ticket log;
    Ticket journal;
    Ticket peers;
};

// A message that came to a session by a group, and that the session gives back.
struct Returned {
    std::uint32_t group = 0;
    const MessageRef& message;
    bool retain = false;
    SessionNumber from = 0;  // 0: the journal does not have it
    Sequence sequence = 0;
};
// Whether somebody takes it; the journal knows already that he does; or another shard, and it is
// this session's still until it is safe there.
enum class Given { no, yes, recorded, passed };
using Offer = std::function<Given(const Returned&)>;

struct Will {
    MessageRef message;
    bool retain = false;
    std::uint32_t delay_s = 0;
};

class Session final : public Due {
 public:
    Session(Core& core, const Identity& owner, std::string client_id);
    ~Session() override;

    const Identity& owner() const { return owner_; }
    const std::string& client_id() const { return client_id_; }
    Connection* connection() const { return connection_; }
    std::uint32_t hash() const { return hash_; }  // of owner and client id
    bool persistent() const { return expiry_s_ > 0; }
    void set_expiry(std::uint32_t seconds) { expiry_s_ = seconds; }
    bool has_will() const { return will_ != nullptr; }
    void set_will(std::optional<Will> will);

    // From now on the journal keeps what the session must not forget. It is a new session.
    void begin_records(Journal& journal, SessionNumber number);
    SessionRecords* records() { return records_.get(); }
    // As the journal has it: its client is away.
    void restore(FoundSession found, SteadyTime now, Timestamp wall);
    // Fills in a record of how the session is now.
    void describe(JournalRecord& record) const;
    // Adds itself to whom a message is owed. False: this one is owed it no more.
    bool add_target(Sequence sequence, TargetList& targets) const;
    SessionNumber number() const { return records_ ? records_->number() : 0; }

    // A connection takes the session: what was in flight is sent again, then what waited.
    void attach(Connection& connection, std::uint16_t receive_maximum);
    // The connection is gone. The will is due now or later; false: the session has ended with it.
    bool detach(SteadyTime now);
    std::optional<Will> take_due_will(SteadyTime now, bool session_ends);

    // One message for this session, by all its matching subscriptions together, or by a group.
    void deliver(Delivery& delivery, QoS granted, bool retain,
                 const std::vector<std::uint32_t>& subscription_ids, std::uint32_t group = 0);
    bool is_ready() const;                   // the next message would be sent at once
    bool can_queue(std::size_t cost) const;  // or would wait, without anything lost
    // Offers what came by groups, oldest first, and forgets what is taken: what waits, and, if so
    // asked, what was sent at QoS 1 and not acknowledged.
    void give_back(bool sent_too, const Offer& offer);
    bool shared() const { return shared_; }  // it is or was in a group
    // PUBACK. False: no message with this id is in flight at QoS 1.
    bool acknowledged(PacketId id);
    // PUBREC (4.3.3): from now on the message is the client's. The caller answers with PUBREL, but
    // for a refusal, after which the exchange is over. False: none with this id at QoS 2.
    bool taken(PacketId id, bool refused);
    // PUBCOMP. False: nothing that this would complete.
    bool completed(PacketId id);

    // What the client sent at QoS 2 until it says PUBREL, with what its PUBREC waits for.
    const Promise* unreleased(PacketId id) const;
    void keep_unreleased(PacketId id, Promise promise);
    // PUBREL. False: no such id.
    bool release(PacketId id);
    std::size_t unreleased() const { return unreleased_.size(); }
    std::vector<PacketId> unreleased_ids() const {
        std::vector<PacketId> ids;
        for (const auto& [id, promise] : unreleased_) ids.push_back(id);
        return ids;
    }
    // Sends what waits, as far as the client's window and the outbox have room.
    void pump();

    ReasonCode subscribe(const FilterRequest& request, std::uint32_t subscription_id, bool& is_new);
    bool unsubscribe(std::string_view filter);
    // Tells the journal what is owed no more. Core calls it once per turn, for many at a time.
    void record_done();
    // session_spill.cpp: messages that are queued in the journal only, and are read back.
    struct Wanted {
        SessionNumber session = 0;
        Sequence sequence = 0;
        std::uint64_t frame = 0;
    };
    void spill();  // leaves to the journal what it has, if there is too much
    // What has to be read back next, in order; nothing while that is under way.
    void collect(std::vector<Wanted>& out, std::size_t& bytes);
    // One of those; null: it is lost, or the disk does not give it now.
    void recalled(const Wanted& wanted, MessageRef message, bool lost);
    void recall_ended(bool failed);
    void retry_recall();
    MessageRef message_of(Sequence sequence) const;  // null: not in memory, or not owed
    void lose(Sequence sequence);                    // it can't be read back
    std::size_t spilled_messages() const { return spill_ ? spill_->messages : 0; }
    std::size_t spilled_bytes() const { return spill_ ? spill_->bytes : 0; }
    bool in_done_list = false, in_journal_list = false;  // Core's

    std::size_t subscriptions() const { return filters_.size(); }
    const std::vector<std::string>& filters() const { return filters_; }
    std::size_t inflight() const { return window_.size(); }
    std::size_t queued() const { return queue_.size(); }
    std::size_t load() const { return window_.size() + queue_.size(); }
    std::size_t queued_bytes() const { return queued_bytes_; }

    void on_due(SteadyTime now) override;

 private:
    struct Outgoing {
        // Null in the window if nobody will ever need it again, or if only the journal has it.
        MessageRef message;
        Sequence sequence = 0;
        KeptMessage* kept = nullptr;  // in the journal
        QoS qos = QoS::at_least_once;
        bool retain = false;
        bool again = false;       // an earlier life of the broker may have sent it
        bool taken = false;       // QoS 2: the client has it; what it needs is PUBREL
        bool done = false;        // acknowledged or lost, but an earlier one is not yet
        bool read_back = false;   // in the queue: it counts as that
        std::uint32_t group = 0;  // of the shared subscription that it came by
        std::uint32_t cost = 0;   // in the queue
        Ticket taken_at{};        // in the journal
        std::unique_ptr<const std::vector<std::uint32_t>> subscription_ids;  // null: none
    };
    MessageTarget target_of(const Outgoing& outgoing) const;
    bool may_send(Sequence sequence) const;
    bool waits_for_journal(const Outgoing& outgoing);
    void owe(Outgoing& outgoing, Delivery& delivery);
    void release(Outgoing& outgoing);
    void forget(Outgoing& outgoing);
    std::size_t place_of(Sequence sequence) const;
    Sequence first_sequence() const;
    void send_at_most_once(Delivery& delivery, bool retain, const std::vector<std::uint32_t>& ids);
    void send_acknowledged(Delivery& delivery, Outgoing outgoing);
    void enqueue(Outgoing outgoing);
    void restore_owed(std::vector<FoundTarget> owed);
    // Of a queue that is partly in the journal only. Indices count from the queue's head.
    struct Spill {
        std::size_t messages = 0;  // that are in the journal only
        std::size_t bytes = 0;
        std::size_t ahead_bytes = 0;  // read back, and not sent
        std::size_t looked_at = 0;    // so many were spilled, if they could be
        std::size_t ready = 0;        // so many are in memory, at least
        bool reading = false;
        bool waiting = false;  // the disk gave nothing: until retry_recall()
    };
    bool has_room(std::size_t cost) const;
    bool can_spill(std::size_t cost) const;
    bool can_spill_after(std::size_t cost) const;
    bool make_room(std::size_t cost, bool may_spill);
    bool is_only_in_journal(const Outgoing& outgoing) const {
        return !outgoing.message && !outgoing.taken && !outgoing.done && outgoing.kept != nullptr;
    }
    Outgoing take_front();
    void uncount(const Outgoing& outgoing);
    void count_spilled(const Outgoing& outgoing, int sign);
    void count_ahead(std::int64_t bytes);
    void read_ahead();
    void lose(Outgoing& outgoing);
    void resend();
    bool resend(const Outgoing& outgoing, PacketId id);
    Outgoing* in_flight(PacketId id, QoS qos);
    void close_in_flight(Outgoing& outgoing);
    void drop_done();
    bool give(Outgoing& outgoing, const Offer& offer);
    const Outgoing* find(Sequence sequence) const;
    Outgoing* find(Sequence sequence) {
        return const_cast<Outgoing*>(std::as_const(*this).find(sequence));
    }
    void account(std::int64_t bytes);
    void arm_for_absence(SteadyTime now);

    Core& core_;
    const Identity& owner_;  // the core keeps it
    std::string client_id_;
    std::uint32_t hash_;
    std::uint32_t expiry_s_ = 0;
    std::uint32_t sent_ = 0;        // of window_, on this connection
    std::uint32_t unanswered_ = 0;  // of those, not acknowledged
    std::uint16_t receive_maximum_ = 0;
    bool shared_ = false;
    Connection* connection_ = nullptr;
    SteadyTime expires_;   // while absent
    SteadyTime will_due_;  // while absent
    std::unique_ptr<Will> will_;
    std::vector<std::string> filters_;

    // A packet id is a sequence modulo 65,535: after a restart each message has the id it had.
    // Clients acknowledge in order (MQTT-4.6.0-2), so the window is a ring, and an id nearly always
    // finds its place by subtraction.
    Ring<Outgoing> window_;
    Sequence next_sequence_ = 1;
    Ring<Outgoing> queue_;
    std::size_t queued_bytes_ = 0;             // in memory, but for what was read back
    std::unique_ptr<Spill> spill_;             // null: all of the queue is in memory
    LazyMap<PacketId, Promise> unreleased_;    // at most one per packet id
    std::unique_ptr<SessionRecords> records_;  // null: nothing to survive, or no journal
    Sequence done_told_ = 0;                   // what the journal knows: all through this are done
};

}  // namespace mw::mqtt
