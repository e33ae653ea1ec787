#pragma once
// The broker without I/O: bytes and time in, bytes out. It owns sessions, subscriptions and
// retained messages; the endpoint (broker.h) owns connections and streams. One loop, or one test,
// owns it. Limits are in options.h; whatever reaches one is refused, dropped or disconnected, and
// counted.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "protocols/mqtt/authenticator.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/connection.h"
#include "protocols/mqtt/inspect.h"
#include "protocols/mqtt/journal.h"
#include "protocols/mqtt/journal_state.h"
#include "protocols/mqtt/latency.h"
#include "protocols/mqtt/options.h"
#include "protocols/mqtt/passed_exchanges.h"
#include "protocols/mqtt/peers.h"
#include "protocols/mqtt/presence.h"
#include "protocols/mqtt/recall.h"
#include "protocols/mqtt/redirect.h"
#include "protocols/mqtt/retained.h"
#include "protocols/mqtt/session.h"
#include "protocols/mqtt/shared_groups.h"
#include "protocols/mqtt/sys_topics.h"
#include "protocols/mqtt/topics.h"
#include "protocols/mqtt/trace.h"
#include "protocols/mqtt/uplink.h"

namespace mw::mqtt {

class Core {
 public:
    struct Parts {
        const Clock& clock;
        Random& random;
        const Authorizer& authorizer;
        Uplink* uplink = nullptr;  // null: nothing goes up
        Limits limits;
    };
    explicit Core(Parts parts);
    ~Core();

    // Timers: keep alive, session expiry, delayed wills, push-back. Call it a few times a second.
    void tick();
    // Keeps sessions in the journal, which outlives the core, and brings back what it says. Before
    // the first connection; without it sessions live as long as the core.
    void use(Journal& journal, JournalState state);
    // What another journal had, as it lives here from now on.
    struct StraySource {
        std::function<Journal::Read(std::vector<std::uint64_t> frames)> read;
        std::function<void()> flush;  // this core's journal
    };
    void adopt(JournalState strays, const StraySource& source = {});
    // core_peers.cpp: this is one shard of several. Before the first connection; uplink: of a shard
    // that passes on what goes up.
    void use(Peers& peers, PassedUplink* uplink);
    void receive(ShardNumber from, Parcel parcel);
    // Offers its methods from now on. It outlives the core; null: none.
    void use(Authenticator* methods) { authenticator_ = methods; }
    // Sends clients elsewhere, from their next CONNECT on.
    void use(Redirector redirector) { redirector_ = std::move(redirector); }
    // The log has come this far.
    void on_durable(Ticket durable);
    // The journal has.
    void on_journal_durable();
    Result<> publish_local(std::string_view topic, ByteView payload, bool retain, QoS qos);
    // Every connection is told and closes. A will in the journal is left for the next start; any
    // other is sent now, as nothing keeps it.
    void shut_down();

    // inspect.cpp: for operators. One slice of a list; false when it is complete.
    bool gather(const ListOrder& order, SessionWalk& at, PageBuilder<SessionView>& page) const;
    bool gather(const ListOrder& order, SessionWalk& at, PageBuilder<SubscriptionView>& page) const;
    bool gather(const ListOrder& order, std::string& after, Page<RetainedView>& page);
    Kicked kick(const KickOrder& order);
    std::vector<SessionView> sessions() const;  // all of them
    // trace.cpp. invalid_input, or overloaded when there are too many.
    Result<std::shared_ptr<Trace>> open_trace(TraceOrder order);
    bool traced() const { return !traces_.empty(); }
    void tell_traces(TraceEvent::Direction direction, const Connection& connection,
                     ByteView packet);
    const Metrics& metrics();
    // Of all shards together; counted by somebody else, if there are several.
    Metrics totals() { return together_ ? together_(metrics()) : metrics(); }
    void count_together(std::function<Metrics(const Metrics& own)> sum) { together_ = sum; }
    Metrics& count() { return metrics_; }
    void on_presence(std::function<void(const Presence&)> listener) { presence_ = listener; }
    // What was put off while a message was routed: slow consumers leave, due wills are sent.
    void settle();

    // latency.cpp: a sampled publish of this connection has been routed.
    void measure(const Connection& from, const Publish& publish, SteadyTime received);
    Latencies& latencies() { return latencies_; }
    // $SYS: to who subscribed, without retaining.
    void tell(std::string_view topic, std::string_view text);
    bool has_subscription_below(std::string_view first_level) const {
        return tree_.has_first_level(first_level);
    }

    // For connections and sessions.
    SteadyTime now() const { return parts_.clock.steady(); }
    const Limits& limits() const { return parts_.limits; }
    const Authorizer& authorizer() const { return parts_.authorizer; }
    Uplink* uplink() { return parts_.uplink; }
    Authenticator* authenticator() { return authenticator_; }
    std::optional<Redirect> redirect_of(const Identity& identity) const {
        return redirector_ ? redirector_(identity) : std::nullopt;
    }
    std::string_view required_method(const Identity& identity) const {
        return authenticator_ == nullptr ? "" : authenticator_->required_method(identity);
    }
    Ticket journal_durable() const { return journal_ != nullptr ? journal_->durable() : Ticket{}; }
    Ticket journal_end() const { return journal_ != nullptr ? journal_->end() : Ticket{}; }
    bool journal_ready() const { return journal_ == nullptr || journal_->ready(); }
    Peers* peers() const { return peers_; }
    Ticket peers_end() const { return peers_ != nullptr ? peers_->end() : Ticket{}; }
    bool peers_reached(Ticket ticket) const {
        return peers_ == nullptr || peers_->has_reached(ticket);
    }
    bool peers_ready() const { return peers_ == nullptr || peers_->ready(); }
    const Error* uplink_refusal(Ticket ticket) const {
        return passed_uplink_ != nullptr ? passed_uplink_->refusal(ticket) : nullptr;
    }
    bool is_durable(const Promise& promise) const;
    Timestamp wall_time(SteadyTime time) const;  // 0 stays 0
    SteadyTime steady_time(std::int64_t wall_ns) const;
    bool journal_takes(std::size_t bytes) const { return journal_ && journal_->takes(bytes); }
    void recall(const Session& session) { recall_->want(session); }
    bool has_room_to_spill(std::size_t bytes, std::size_t messages) const {
        return metrics_.spilled_messages + messages <= limits().spilled_messages_in_all &&
               metrics_.spilled_bytes + bytes <= limits().spilled_bytes_in_all;
    }
    Session* find_session(SessionNumber number) const;
    Agenda& agenda() { return agenda_; }
    Bytes& output() { return output_; }  // to encode into, one packet at a time
    std::string_view& allowed_topic() { return allowed_topic_; }  // by the packets of this read
    Publish& scratch() { return scratch_; }  // to decode into; its buffers are reused
    std::string make_client_id();
    void enroll(Connection& connection);
    void expel(Connection& connection);
    // A clean start forgets what the journal has; the new session waits until it has forgotten.
    bool forget_old_session(Connection& connection, const Connect& packet);
    // Takes the session over from its connection, or makes it; quota_exceeded when there is no
    // room.
    ReasonCode open_session(Connection& connection, const Connect& packet, std::uint32_t expiry_s,
                            bool& present, Session*& out);
    void close_session(Connection& connection, std::string_view reason);
    void end_session(Session& session, bool expired);
    bool subscribe(const FilterRequest& request, std::uint32_t id, Session& session);
    void unsubscribe(std::string_view filter, Session& session);
    bool has_room_for_subscription() const { return subscriptions() < limits().subscriptions; }
    SharedGroups& shared() { return shared_; }
    void send_retained(Session& session, std::string_view filter, QoS granted,
                       std::uint32_t subscription_id);
    // Retains if asked to, and delivers to every subscriber. from is null for the hub itself.
    // retained is false when there was no room; what sessions with records are owed, and what is
    // retained, survives a power cut from the ticket on.
    struct Routed {
        bool retained = true;
        Ticket journal;
        Ticket peers;
    };
    Routed route(const Publish& publish, Session* from);
    // To one member of a shared subscription on another shard.
    Ticket pass_to_group(Delivery& delivery, ShardNumber shard, std::string_view group,
                         const Passed* with_exchange = nullptr);
    // The other shards may forget that they had this QoS 2 message of it; id 0: any.
    void finish_exchange(const Session& session, PacketId id);
    // For a session with records: the message of this delivery is owed to it, too.
    KeptMessage* owe(Delivery& delivery, const MessageTarget& target);
    // What was delivered outside of route() is owed to one session instead of another. False: not
    // in the journal.
    bool record_moved(SessionNumber from, Sequence sequence);
    void doom(Connection& connection);  // a slow consumer: closes at settle()
    void send_will(Will will, const Identity& identity);
    bool is_kept_for_next_start(const Session& session) const;
    void wait_for_log(Connection& connection);
    void wait_for_room(Connection& connection);
    void wait_for_journal(Session& session);  // pump() when it has come further
    void wait_to_record(Session& session);    // record_done() at settle()
    void forget(Session& session);            // it is about to be destroyed
    // One copy of each identity in use: its connections and sessions refer to it.
    const Identity& keep(const Identity& identity);
    void drop(const Identity& identity);
    void session_began(const Identity& identity);
    void session_ended(const Identity& identity);
    void account(std::int64_t queued_bytes);
    bool has_room_to_queue(std::size_t bytes) const {
        return metrics_.queued_bytes + bytes <= limits().queued_bytes_in_all;
    }

 private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const {
            return std::hash<std::string_view>{}(s);
        }
    };
    struct Known {
        Identity identity;
        std::size_t uses = 0;
        std::size_t sessions = 0;
    };
    struct Targets {
        std::uint64_t generation = 0;
        std::vector<Subscription> subscriptions;  // those of one session stand together
        std::vector<SharedGroup*> groups;
        std::uint32_t peers = 0;  // shards where somebody subscribed, a bit each
    };
    struct GroupElsewhere {
        ShardNumber shard = 0;
        std::string_view text;
    };
    struct Inbox {  // what came from another shard
        struct Received {
            std::uint64_t last = 0;  // its number
            std::size_t bytes = 0;
            bool urgent = false;
            Promise promise;
        };
        std::deque<Parcel> parcels;  // the first waits for room in storage, from `at` on
        std::size_t at = 0;
        std::size_t prepared = 0;       // of its messages' that the uplink has
        Promise promise;                // of the first one
        std::deque<Received> received;  // not safe yet
    };
    static constexpr std::size_t cached_topics_max = 8'192;
    static constexpr std::size_t cached_targets_max = 262'144;
    static constexpr std::size_t cached_topic_bytes_max = 256;

    // Gives what the look at one session cost.
    using SessionVisit = std::function<std::size_t(const std::string& key, const Session&)>;
    bool walk(SessionWalk& walk, const SessionVisit& visit) const;
    SessionView view_of(const Session& session) const;
    const Subscription* subscription_of(const Session& session, std::string_view filter) const;

    const Targets& targets_of(std::string_view topic);
    void deliver(Delivery& delivery, const Session* from, const Targets& targets);
    void deliver_to_groups(Delivery& delivery, const Targets& targets);
    // What a message has beyond its delivery, for other shards.
    struct PassOptions {
        bool retain = false;
        bool by_hub = false;
        std::uint64_t exchange = 0;
        PacketId exchange_id = 0;
    };
    Ticket pass(Delivery& delivery, const Targets& targets, const PassOptions& options);
    Routed route_among_shards(const Publish& publish, Session* from, const Targets& targets,
                              Routed routed);
    Ticket record_exchange(SessionNumber session, PacketId id);
    void heed(ShardNumber from, const Interest& interest);
    void heed_group(ShardNumber from, const Interest& interest);
    void take_in(ShardNumber from);
    void take_message(const Passed& message, Promise& promise);
    bool take_for_uplink(ShardNumber from, const Passed& message);
    void on_peers_progress();
    bool retain(const MessageRef& message, RetainedStore::Share share, Ticket& ticket);
    Ticket record(const Publish* publish, Session* from);
    void record_done();
    void end(Session& session);
    using Places = std::vector<std::pair<Journal::Place, Journal::Item*>>;
    void restore(JournalState state, const StraySource* from_elsewhere);
    void restore_session(SessionNumber number, FoundSession found, Places& places);
    void restore_order(const JournalState& state, Places places);
    void rewrite(const JournalState& state, const Places& places, const StraySource& source);
    void rewrite(std::span<KeptMessage* const> messages, std::span<const std::uint64_t> frames,
                 const StraySource& source);
    void notify(Presence::What what, const Session& session, std::string_view reason);
    // A group stands in the tree once, and counts as often as it has members.
    std::size_t subscriptions() const {
        return tree_.size() - shared_.size() + shared_.members() - peer_filters_;
    }
    bool has_room_for_session(const Identity& identity) const;
    static std::string key_of(const Identity& identity, std::string_view client_id);

    Parts parts_;
    Journal* journal_ = nullptr;
    std::shared_ptr<Recall> recall_;  // with a journal
    Peers* peers_ = nullptr;          // null: the only shard
    PassedUplink* passed_uplink_ = nullptr;
    Authenticator* authenticator_ = nullptr;
    Redirector redirector_;
    Metrics metrics_;
    Agenda agenda_;
    SubscriptionTree tree_;
    SharedGroups shared_;  // outlives the sessions
    RetainedStore retained_;
    std::unordered_map<std::string, Known> known_;  // by identity
    std::unordered_map<std::string, std::unique_ptr<Session>> sessions_;
    std::vector<Connection*> connections_;
    std::unordered_map<std::string, Targets, TextHash, std::equal_to<>> cached_;
    const std::pair<const std::string, Targets>* last_ = nullptr;  // of cached_, found last
    std::size_t cached_targets_ = 0;
    Targets uncached_;
    Publish scratch_;
    std::string_view allowed_topic_;
    Bytes output_;
    Delivery delivery_;
    std::vector<std::uint32_t> subscription_ids_;
    std::vector<GroupElsewhere> groups_elsewhere_;  // of the delivery under way
    std::vector<Inbox> inboxes_;                    // by shard
    PassedExchanges exchanges_;
    Passed passed_;   // what came
    Passed passing_;  // what goes
    Publish passed_publish_;
    SteadyTime passed_at_;
    Bytes section_;
    std::size_t peer_filters_ = 0;  // in the tree, of other shards
    std::vector<Connection*> waiting_for_log_;
    std::vector<Connection*> waiting_for_room_;
    std::vector<Connection*> doomed_;
    KeptMessage* owed_ = nullptr;  // of the delivery under way; null: nobody with records
    TargetList owed_to_;
    SessionNumber last_session_number_ = 0;
    std::unordered_map<SessionNumber, Session*> by_number_;  // those with records
    std::vector<Session*> waiting_for_journal_;
    std::vector<Session*> done_sessions_;
    std::vector<std::pair<Will, Identity>> due_wills_;
    Ticket log_durable_;
    bool settling_ = false;
    bool stopping_ = false;       // nothing becomes due any more
    bool retained_full_ = false;  // logged once, until there is room again
    std::function<void(const Presence&)> presence_;
    std::function<Metrics(const Metrics& own)> together_;
    std::vector<std::weak_ptr<Trace>> traces_;
    Latencies latencies_;
    std::unique_ptr<SysTopics> sys_;
};

}  // namespace mw::mqtt
