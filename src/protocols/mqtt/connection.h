#pragma once
// Inside the module: the protocol machine of one network connection, server side. Bytes come in by
// receive() and go out to the wire, which gathers them until the end of the turn.
// Every packet of a read is parsed in place; only what is incomplete is copied.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/mqtt/authenticator.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/codec.h"
#include "protocols/mqtt/due.h"
#include "protocols/mqtt/ring.h"
#include "protocols/mqtt/session.h"
#include "protocols/mqtt/trace.h"
#include "protocols/mqtt/uplink.h"

namespace mw::mqtt {

class Core;
class Session;

// The I/O side of a connection. None of these calls back.
class Wire {
 public:
    virtual ~Wire() = default;
    virtual void write(ByteView bytes) = 0;  // sent at the end of the turn
    virtual std::size_t unsent() const = 0;  // written and not yet taken by the socket
    virtual std::string peer() const = 0;    // its address, for operators
    // Call Core::latencies() when all that is written now has left, or never will.
    virtual void time_flush(SteadyTime received) = 0;
    virtual void on_full() = 0;               // call drained() when there is room again
    virtual void on_readable() = 0;           // paused() is over: read on
    virtual void on_close(bool at_once) = 0;  // send what is unsent (or don't), then close
};

class Connection final : public Due {
 public:
    Connection(Core& core, Wire& wire, const Identity& identity);
    ~Connection() override;

    void receive(ByteView bytes);
    // Don't read: a message waits for room in storage.
    bool paused() const { return paused_since_.ns != 0; }
    bool closing() const { return state_ == State::closing; }
    void drained();  // the socket took all there was: what waits for the outbox may go
    // The peer has gone, or the stream failed.
    void lost(std::string_view why);
    const Identity& identity() const { return identity_; }

    // Ends the connection; says why in MQTT 5, and where to go instead.
    void close(ReasonCode reason, std::string_view why, std::string_view server = {});
    void abort(std::string_view why);  // without a word, and without what is still unsent

    // For core and session.
    Version version() const { return version_; }
    std::string peer() const { return wire_.peer(); }
    void time_flush(SteadyTime received) { wire_.time_flush(received); }
    SteadyTime opened() const { return opened_; }
    SteadyTime heard() const { return heard_; }
    std::uint16_t keep_alive_s() const { return keep_alive_s_; }
    std::string_view alias_of(TraceEvent::Direction direction, ByteView packet) const;
    Session* session() const { return session_; }
    void forget_session() { session_ = nullptr; }
    void write(ByteView packet);  // a whole one
    Bytes& begin_output();        // to append one packet to; then end_output()
    void end_output();
    void send_ack(PacketType type, PacketId id, ReasonCode reason);
    void encode_ack(PacketType type, PacketId id, ReasonCode reason);  // into core's output
    bool has_room(std::size_t bytes);  // false: drained() will be called when there is
    std::size_t packet_bytes_max() const { return peer_packet_max_; }
    void answer_what_is_durable();
    std::size_t acknowledgements_waiting() const { return unacknowledged_.size(); }
    void retry();
    void on_due(SteadyTime now) override;

    // A bridge speaks for clients of another broker: the surplus over the window waits, and what
    // may not be published ends nothing.
    bool for_others = false;

    // Kept by Core in its lists.
    bool in_log_list = false, in_room_list = false, doomed = false;
    std::uint32_t index = 0;

 private:
    enum class State : std::uint8_t { waiting, authenticating, open, closing };
    enum class Step : std::uint8_t { next, again };  // again: the same packet later
    struct Unacknowledged {
        PacketType type = PacketType::puback;  // or PUBREC
        PacketId id = 0;
        ReasonCode reason = ReasonCode::success;
        Promise promise;
    };
    struct Answer {  // PUBREL, PUBCOMP, SUBACK, UNSUBACK
        Ticket journal;
        Ticket peers;
        Bytes packet;
    };
    struct Authentication {  // of a client whose CONNECT named a method
        std::string method;
        std::unique_ptr<Exchange> exchange;  // while one is under way
        SteadyTime since;                    // of that, on an open connection
        Bytes connect;                       // its body, until it is answered
        bool passed = false;                 // at CONNECT
        Bytes last_words;                    // for CONNACK
    };

    std::size_t parse(ByteView bytes);
    Step dispatch(const Frame& frame);
    Step on_connect(const Frame& frame);
    Step enter(Connect& packet);
    Step begin_authentication(const Connect& packet, const Frame& frame);
    Step dispatch_authenticating(const Frame& frame);
    Step on_auth(const Frame& frame);
    Step authenticate(std::string_view data);
    Step enter_authenticated();
    void refuse_authentication(const Exchange::Answer& answer);
    void close_authenticating(ReasonCode reason, std::string_view why, std::string_view server);
    void send_auth(ReasonCode reason, const Bytes& data);
    void add_method(Properties& properties, const Bytes& data) const;
    SteadyTime authentication_deadline() const;
    Step dispatch_traced(const Frame& frame, ByteView packet);
    ReasonCode check_connect(const Connect& packet, std::string& why) const;
    Step refuse(ReasonCode reason, std::string_view why, std::string_view server = {});
    void send_connack(const Connect& packet, bool present, std::uint32_t expiry_s,
                      std::string_view assigned);
    Step on_publish(const Frame& frame);
    bool resolve_alias(Publish& packet);
    bool check_publish(const Publish& packet);
    Step hand_up(const Publish& packet, Ticket& ticket, bool& accepted);
    void refuse_publish(const Publish& packet, ReasonCode reason, std::string_view why);
    bool has_window_for(const Publish& packet) const;
    void acknowledge(const Publish& packet, ReasonCode reason, Promise promise);
    void refuse_late(const Unacknowledged& late, const Error& why);
    void send_answer(Ticket peers = {});  // what stands in core's output
    bool must_wait(const Frame& frame) const;
    void on_puback(const Frame& frame);
    void on_pubrec(const Frame& frame);
    void on_pubrel(const Frame& frame);
    void on_pubcomp(const Frame& frame);
    void on_subscribe(const Frame& frame);
    void on_unsubscribe(const Frame& frame);
    void on_disconnect(const Frame& frame);
    void on_fault(const Fault& fault);
    void pause();
    void finish(std::string_view why, bool at_once = false);
    SteadyTime deadline() const;  // 0: none
    void schedule();
    std::string client() const;
    bool first_refusal() { return !std::exchange(refusal_logged_, true); }

    Core& core_;
    Wire& wire_;
    std::reference_wrapper<const Identity> identity_;  // the core keeps it
    State state_ = State::waiting;
    Version version_ = Version::v3_1_1;
    bool bridge_ = false;          // another broker's, which says so in its CONNECT
    bool reason_strings_ = true;   // MQTT 5 request problem information
    bool full_ = false;            // the wire was told
    bool told_ = false;            // the traces have heard of the packet that waits
    bool refusal_logged_ = false;  // one line a connection; the rest is counted
    std::uint16_t keep_alive_s_ = 0;
    std::uint32_t peer_packet_max_ = 268'435'460;
    SteadyTime opened_;
    SteadyTime heard_;
    SteadyTime paused_since_;
    Session* session_ = nullptr;
    Bytes partial_;
    Ring<Unacknowledged> unacknowledged_;
    Ring<Answer> answers_;
    Ticket connect_after_;  // the journal has forgotten the session that a clean start ends
    std::vector<std::string> aliases_;
    std::unique_ptr<Authentication> authentication_;  // null: CONNECT named no method
};

}  // namespace mw::mqtt
