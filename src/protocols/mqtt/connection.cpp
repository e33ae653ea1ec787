#include "protocols/mqtt/connection.h"

#include <algorithm>

#include "base/log.h"
#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

constexpr std::size_t partial_kept_max = 64 * 1024;
constexpr std::size_t answers_waiting_max = 65'536;

}  // namespace

Connection::Connection(Core& core, Wire& wire, const Identity& identity)
    : Due(core.agenda()),
      core_(core),
      wire_(wire),
      identity_(core.keep(identity)),
      opened_(core.now()),
      heard_(opened_) {
    core_.enroll(*this);
    schedule();
}

Connection::~Connection() {
    if (session_ != nullptr) finish("the connection was dropped", true);
    core_.expel(*this);
    core_.drop(identity_);
}

std::string Connection::client() const {
    return identity().name + "/" + (session_ != nullptr ? session_->client_id() : std::string());
}

void Connection::receive(ByteView bytes) {
    if (closing()) return;
    if (state_ == State::open) heard_ = core_.now();  // before CONNECT only the clock counts
    core_.count().bytes_received += bytes.size();
    if (paused() || !partial_.empty()) {
        partial_.insert(partial_.end(), bytes.begin(), bytes.end());
        if (paused()) return;
        const std::size_t taken = parse(partial_);
        partial_.erase(partial_.begin(), partial_.begin() + static_cast<std::ptrdiff_t>(taken));
    } else {
        const std::size_t taken = parse(bytes);
        if (taken < bytes.size() && !closing())
            partial_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
    }
    // An idle connection holds no buffer.
    if (partial_.empty() && partial_.capacity() > 0) partial_ = {};
    core_.settle();
}

std::size_t Connection::parse(ByteView bytes) {
    std::size_t at = 0;
    Frame frame;
    core_.allowed_topic() = {};
    while (!closing()) {
        const Fault fault = next_frame(bytes.subspan(at), core_.limits().packet_bytes, frame);
        if (!fault.ok()) {
            on_fault(fault);
            break;
        }
        if (frame.size == 0) break;
        const Step step = core_.traced() ? dispatch_traced(frame, bytes.subspan(at, frame.size))
                                         : dispatch(frame);
        if (step == Step::again) break;
        at += frame.size;
        ++core_.count().packets_received;
    }
    return at;
}

Connection::Step Connection::dispatch(const Frame& frame) {
    if (state_ == State::authenticating) return dispatch_authenticating(frame);
    const bool first = state_ == State::waiting;
    if (first != (frame.type == PacketType::connect)) {
        on_fault({ReasonCode::protocol_error, frame.type, 0,
                  first ? "the first packet is not CONNECT" : "a second CONNECT"});
        return Step::next;
    }
    if (frame.overlong && version_ == Version::v5 && !first) {
        on_fault({ReasonCode::malformed_packet, frame.type, 1,
                  "remaining length is written with more bytes than it needs"});
        return Step::next;
    }
    if (must_wait(frame)) {
        pause();
        return Step::again;
    }
    switch (frame.type) {
        case PacketType::connect:
            return on_connect(frame);
        case PacketType::publish:
            return on_publish(frame);
        case PacketType::puback:
            on_puback(frame);
            break;
        case PacketType::pubrec:
            on_pubrec(frame);
            break;
        case PacketType::pubrel:
            on_pubrel(frame);
            break;
        case PacketType::pubcomp:
            on_pubcomp(frame);
            break;
        case PacketType::subscribe:
            on_subscribe(frame);
            break;
        case PacketType::unsubscribe:
            on_unsubscribe(frame);
            break;
        case PacketType::disconnect:
            on_disconnect(frame);
            break;
        case PacketType::auth:
            return on_auth(frame);
        case PacketType::pingreq:
            if (const Fault fault = decode_empty(frame); !fault.ok()) {
                on_fault(fault);
                break;
            }
            encode_empty(begin_output(), PacketType::pingresp);
            end_output();
            break;
        default:
            on_fault({ReasonCode::protocol_error, frame.type, 0,
                      "a client does not send this packet here"});
    }
    return Step::next;
}

Connection::Step Connection::on_publish(const Frame& frame) {
    Publish& packet = core_.scratch();
    if (const Fault fault = decode(frame, version_, packet); !fault.ok()) {
        on_fault(fault);
        return Step::next;
    }
    // MQTT 3.1.1 has no receive maximum: its surplus waits outside.
    if (!has_window_for(packet)) {
        if (version_ == Version::v5 && !for_others) {
            close(ReasonCode::receive_maximum_exceeded,
                  "more unacknowledged publishes than receive maximum");
            return Step::next;
        }
        pause();
        return Step::again;
    }
    if (!resolve_alias(packet) || !check_publish(packet)) return Step::next;
    if (packet.qos == QoS::exactly_once) {
        // It was taken before, and its PUBREC was lost: it goes nowhere a second time
        // (MQTT-4.3.3-10).
        if (const Promise* before = session_->unreleased(packet.id)) {
            acknowledge(packet, ReasonCode::success, *before);
            return Step::next;
        }
    }
    Ticket ticket;
    bool accepted = false;
    if (hand_up(packet, ticket, accepted) == Step::again) return Step::again;
    if (!accepted) return Step::next;
    ++core_.count().publishes_received;
    const Core::Routed routed = core_.route(packet, session_);
    const Promise promise{ticket, routed.journal, routed.peers};
    if (core_.latencies().is_turn()) core_.measure(*this, packet, heard_);
    if (packet.qos == QoS::exactly_once) session_->keep_unreleased(packet.id, promise);
    if (packet.qos != QoS::at_most_once) acknowledge(packet, ReasonCode::success, promise);
    return Step::next;
}

// Whatever would change what the journal must know stays outside while the journal takes nothing:
// so no answer is ever promised that can not be kept. And so does what other shards can't take.
bool Connection::must_wait(const Frame& frame) const {
    if (frame.type == PacketType::publish && !core_.peers_ready()) return true;
    if (core_.journal_ready() && answers_.size() < answers_waiting_max) return false;
    switch (frame.type) {
        case PacketType::connect:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::subscribe:
        case PacketType::unsubscribe:
            return true;
        case PacketType::publish:
            return (frame.flags & 7) > 0;  // QoS 1 or 2, or retained
        default:
            return false;
    }
}

// An MQTT 3.1.1 client may have all its ids unreleased: its PUBRELs come behind what it sends.
bool Connection::has_window_for(const Publish& packet) const {
    if (packet.qos == QoS::at_most_once) return true;
    const std::size_t most = core_.limits().receive_maximum;
    if (unacknowledged_.size() >= most) return false;
    return version_ != Version::v5 || for_others || packet.qos != QoS::exactly_once ||
           session_->unreleased() < most || session_->unreleased(packet.id) != nullptr;
}

// MQTT 5 3.3.2.3.4.
bool Connection::resolve_alias(Publish& packet) {
    if (packet.properties.empty() || !packet.properties.has(Property::topic_alias)) return true;
    const std::uint32_t alias = packet.properties.number(Property::topic_alias, 0);
    const bool known = alias <= aliases_.size() && !aliases_[alias - 1].empty();
    if (alias > core_.limits().topic_alias_maximum || (packet.topic.empty() && !known)) {
        close(ReasonCode::topic_alias_invalid, packet.topic.empty()
                                                   ? "topic alias was never given a name"
                                                   : "topic alias is above topic alias maximum");
        return false;
    }
    if (packet.topic.empty()) {
        packet.topic = aliases_[alias - 1];
        return true;
    }
    if (alias > aliases_.size()) aliases_.resize(alias);
    aliases_[alias - 1] = packet.topic;
    return true;
}

bool Connection::check_publish(const Publish& packet) {
    if (packet.properties.has(Property::subscription_id)) {  // MQTT-3.3.4-6
        on_fault({ReasonCode::protocol_error, PacketType::publish, 0,
                  "a client does not send subscription identifiers"});
        return false;
    }
    // What was allowed a moment ago still is. An alias' topic may change below a view.
    const bool as_before = packet.properties.empty() && packet.topic == core_.allowed_topic();
    if (as_before) return true;
    const auto levels = 1 + std::count(packet.topic.begin(), packet.topic.end(), '/');
    if (static_cast<std::size_t>(levels) > core_.limits().topic_levels) {
        refuse_publish(packet, ReasonCode::topic_name_invalid,
                       "the topic has more levels than this server allows");
        return false;
    }
    if (packet.topic.starts_with('$') || !core_.authorizer().may_publish(identity_, packet.topic)) {
        refuse_publish(packet, ReasonCode::not_authorized, "may not publish this topic");
        return false;
    }
    if (packet.properties.empty()) core_.allowed_topic() = packet.topic;
    return true;
}

// MQTT 5 can refuse one message above QoS 0. Everybody else would take silence for success, so the
// connection ends.
void Connection::refuse_publish(const Publish& packet, ReasonCode reason, std::string_view why) {
    ++core_.count().publishes_refused;
    if (first_refusal())
        log::info("mqtt.publish.refused", {{"client", client()},
                                           {"topic", packet.topic},
                                           {"code", to_string(reason)},
                                           {"reason", why}});
    if (version_ == Version::v5 && packet.qos != QoS::at_most_once)
        return acknowledge(packet, reason, {});
    if (for_others && version_ == Version::v5) return;
    close(reason, std::string(why).append(": ").append(packet.topic));
}

Connection::Step Connection::hand_up(const Publish& packet, Ticket& ticket, bool& accepted) {
    accepted = true;
    if (core_.uplink() == nullptr) return Step::next;
    PublishProperties properties;
    properties.qos = packet.qos;
    properties.retain = packet.retain;
    properties.dup = packet.dup;
    if (version_ == Version::v5) {
        properties.content_type = packet.properties.text(Property::content_type);
        properties.all = &packet.properties;
    }
    auto outcome = core_.uplink()->publish(identity_, packet.topic, packet.payload, properties);
    if (outcome) {
        ticket = *outcome;
        return Step::next;
    }
    accepted = false;
    const Error& error = outcome.error();
    switch (error.code) {
        case Errc::overloaded:
            pause();
            return Step::again;
        case Errc::denied:
            refuse_publish(packet, ReasonCode::not_authorized, error.message);
            break;
        case Errc::invalid_input:
            refuse_publish(packet, ReasonCode::payload_format_invalid, error.message);
            break;
        default:
            ++core_.count().publishes_refused;
            log::error("mqtt.publish.not_stored", {{"client", client()}, {"reason", error}});
            // SERVER UNAVAILABLE (0x88) exists only in CONNACK.
            close(ReasonCode::implementation_specific_error,
                  "server unavailable: the message could not be stored");
    }
    return Step::next;
}

void Connection::acknowledge(const Publish& packet, ReasonCode reason, Promise promise) {
    const PacketType type =
        packet.qos == QoS::exactly_once ? PacketType::pubrec : PacketType::puback;
    const bool waits = !unacknowledged_.empty() || !core_.is_durable(promise);
    if (!waits) return send_ack(type, packet.id, reason);
    unacknowledged_.push_back({type, packet.id, reason, promise});  // in order: MQTT-4.6.0-2
    ++core_.count().acknowledgements_waiting;
    core_.wait_for_log(*this);
}

void Connection::send_ack(PacketType type, PacketId id, ReasonCode reason) {
    encode_ack(type, id, reason);
    end_output();
    if (type != PacketType::puback && type != PacketType::pubrec) return;
    if (core_.latencies().expects(*this, id)) core_.latencies().acknowledged(core_.now());
}

void Connection::encode_ack(PacketType type, PacketId id, ReasonCode reason) {
    Bytes& out = begin_output();
    if (type == PacketType::puback && reason == ReasonCode::success) {
        encode_puback(out, id);
    } else {
        Ack packet;
        packet.id = id;
        packet.reason = reason;
        encode(out, version_, type, packet);
    }
}

// The packet in core's output goes when all that the journal was told is durable, in order. Also
// one that says nothing new waits: it may be about what another connection of this client said just
// now. One that is larger than the client takes cannot be left out, and not be sent
// (MQTT-3.1.2-24).
void Connection::send_answer(Ticket peers) {
    if (core_.output().size() > peer_packet_max_)
        return close(ReasonCode::packet_too_large,
                     "an answer would be larger than the client takes");
    const Ticket journal = session_->records() != nullptr ? core_.journal_end() : Ticket{};
    if (answers_.empty() && journal <= core_.journal_durable() && core_.peers_reached(peers))
        return end_output();
    answers_.push_back({journal, peers, core_.output()});
    core_.wait_for_log(*this);
}

void Connection::answer_what_is_durable() {
    while (!answers_.empty() && answers_.front().journal <= core_.journal_durable() &&
           core_.peers_reached(answers_.front().peers)) {
        if (!closing()) write(answers_.front().packet);
        answers_.pop_front();
    }
    if (!answers_.empty()) core_.wait_for_log(*this);
    while (!unacknowledged_.empty() && core_.is_durable(unacknowledged_.front().promise)) {
        const Unacknowledged& first = unacknowledged_.front();
        const Error* refusal = core_.uplink_refusal(first.promise.log);
        if (refusal != nullptr && !closing())
            refuse_late(first, *refusal);
        else if (!closing())
            send_ack(first.type, first.id, first.reason);
        unacknowledged_.pop_front();
        --core_.count().acknowledgements_waiting;
    }
    if (!unacknowledged_.empty()) core_.wait_for_log(*this);
}

void Connection::on_puback(const Frame& frame) {
    // Nearly every PUBACK is its id alone; the rest of an Ack costs more than all that follows.
    if (const PacketId id = bare_ack(frame)) return void(session_->acknowledged(id));
    Ack packet;
    if (const Fault fault = decode(frame, version_, packet); !fault.ok()) return on_fault(fault);
    session_->acknowledged(packet.id);  // an id that is not in flight is ignored: a late resend
}

void Connection::on_pubrec(const Frame& frame) {
    Ack packet;
    if (const Fault fault = decode(frame, version_, packet); !fault.ok()) return on_fault(fault);
    const bool refused = is_failure(packet.reason);
    const bool known = session_->taken(packet.id, refused);
    if (refused) return;  // MQTT 5 4.3.3: the exchange is over
    encode_ack(PacketType::pubrel, packet.id,
               known ? ReasonCode::success : ReasonCode::packet_identifier_not_found);
    send_answer();
}

void Connection::on_pubrel(const Frame& frame) {
    Ack packet;
    if (const Fault fault = decode(frame, version_, packet); !fault.ok()) return on_fault(fault);
    const bool known = session_->release(packet.id);
    if (!known) core_.finish_exchange(*session_, packet.id);
    encode_ack(PacketType::pubcomp, packet.id,
               known ? ReasonCode::success : ReasonCode::packet_identifier_not_found);
    send_answer(core_.peers_end());
}

void Connection::on_pubcomp(const Frame& frame) {
    Ack packet;
    if (const Fault fault = decode(frame, version_, packet); !fault.ok()) return on_fault(fault);
    session_->completed(packet.id);
}

void Connection::on_subscribe(const Frame& frame) {
    Subscribe packet;
    if (const Fault fault = decode(frame, version_, packet); !fault.ok()) return on_fault(fault);
    std::uint32_t id = 0;
    if (!packet.properties.subscription_ids().empty())
        id = packet.properties.subscription_ids().front();
    Suback answer;
    answer.id = packet.id;
    std::vector<const FilterRequest*> wants_retained;
    for (FilterRequest& request : packet.filters) {
        if (bridge_ && !is_shared_filter(request.filter))
            request.options.no_local = request.options.retain_as_published = true;
        bool is_new = false;
        ReasonCode reason;
        if (!topic_filter_fault(request.filter, core_.limits().topic_levels).empty())
            reason = ReasonCode::topic_filter_invalid;
        else if (!core_.authorizer().may_subscribe(identity_, unshared(request.filter)))
            reason = ReasonCode::not_authorized;
        else
            reason = session_->subscribe(request, id, is_new);
        answer.reasons.push_back(reason);
        if (is_failure(reason)) {
            ++core_.count().subscriptions_denied;
            log::info(
                "mqtt.subscribe.refused",
                {{"client", client()}, {"filter", request.filter}, {"code", to_string(reason)}});
            continue;
        }
        if (is_shared_filter(request.filter)) continue;  // 4.8.2: nothing retained
        const RetainHandling handling = request.options.retain_handling;
        if (handling == RetainHandling::send || (handling == RetainHandling::send_if_new && is_new))
            wants_retained.push_back(&request);
    }
    encode(begin_output(), version_, PacketType::suback, answer);
    send_answer(core_.peers_end());  // what is published anywhere behind SUBACK arrives
    if (closing()) return;
    for (const FilterRequest* request : wants_retained)
        core_.send_retained(*session_, request->filter, request->options.qos, id);
}

void Connection::on_unsubscribe(const Frame& frame) {
    Unsubscribe packet;
    if (const Fault fault = decode(frame, version_, packet); !fault.ok()) return on_fault(fault);
    Suback answer;
    answer.id = packet.id;
    for (std::string_view filter : packet.filters)
        answer.reasons.push_back(session_->unsubscribe(filter)
                                     ? ReasonCode::success
                                     : ReasonCode::no_subscription_existed);
    encode(begin_output(), version_, PacketType::unsuback, answer);
    send_answer();
}

void Connection::on_disconnect(const Frame& frame) {
    Disconnect packet;
    if (const Fault fault = decode(frame, version_, packet); !fault.ok()) return on_fault(fault);
    if (packet.properties.has(Property::session_expiry)) {
        const std::uint32_t wanted = packet.properties.number(Property::session_expiry, 0);
        if (wanted > 0 && !session_->persistent())  // 3.1.2.11.2
            return on_fault({ReasonCode::protocol_error, PacketType::disconnect, 0,
                             "session expiry was 0 at CONNECT and cannot grow"});
        const auto most = static_cast<std::uint32_t>(core_.limits().session_expiry.count());
        session_->set_expiry(std::min(wanted, most));
    }
    if (packet.reason == ReasonCode::success) session_->set_will(std::nullopt);
    finish("the client disconnected", true);
}

void Connection::on_fault(const Fault& fault) {
    ++core_.count().protocol_errors;
    const std::string why = fault.describe();
    log::info("mqtt.connection.broke_protocol",
              {{"client", client()}, {"code", to_string(fault.reason)}, {"reason", why}});
    close(fault.reason, why);
}

void Connection::close(ReasonCode reason, std::string_view why, std::string_view server) {
    if (closing()) return;
    if (state_ == State::authenticating) return close_authenticating(reason, why, server);
    if (version_ == Version::v5 && state_ == State::open) {
        Disconnect packet;
        packet.reason = reason;
        // MQTT-3.14.2-3: no words that the client could not take.
        if (!server.empty() && server.size() + 16 <= peer_packet_max_)
            packet.properties.set(Property::server_reference, server);
        if (reason_strings_ &&
            server.size() + why.size() + 16 <= std::min<std::size_t>(peer_packet_max_, 2'048))
            packet.properties.set(Property::reason_string, why);
        encode(begin_output(), version_, PacketType::disconnect, packet);
        end_output();
    }
    finish(why);
}

void Connection::abort(std::string_view why) {
    if (closing()) return;
    log::info("mqtt.connection.dropped", {{"client", client()}, {"reason", why}});
    finish(why, true);
}

void Connection::lost(std::string_view why) {
    if (closing()) return;
    finish(why, true);
    core_.settle();
}

void Connection::finish(std::string_view why, bool at_once) {
    if (closing()) return;
    log::debug("mqtt.connection.closed", {{"client", client()}, {"reason", why}});
    state_ = State::closing;
    ++core_.count().connections_closed;
    if (session_ != nullptr) core_.close_session(*this, why);
    disarm();
    wire_.on_close(at_once);
}

Bytes& Connection::begin_output() {
    core_.output().clear();
    return core_.output();
}

void Connection::end_output() { write(core_.output()); }

void Connection::write(ByteView packet) {
    if (core_.traced()) core_.tell_traces(TraceEvent::Direction::out, *this, packet);
    ++core_.count().packets_sent;
    wire_.write(packet);
}

bool Connection::has_room(std::size_t bytes) {
    if (wire_.unsent() + bytes <= core_.limits().outbox_bytes) return true;
    if (!std::exchange(full_, true)) wire_.on_full();
    return false;
}

void Connection::drained() {
    full_ = false;
    if (session_ != nullptr) session_->pump();
}

void Connection::pause() {
    if (!paused()) {
        paused_since_ = core_.now();
        ++core_.count().pushbacks;
        schedule();
    }
    core_.wait_for_room(*this);
}

void Connection::retry() {
    if (closing() || !paused()) return;
    const SteadyTime since = paused_since_;
    const std::uint64_t pushbacks = core_.count().pushbacks;
    paused_since_ = {};
    const std::size_t taken = parse(partial_);
    partial_.erase(partial_.begin(), partial_.begin() + static_cast<std::ptrdiff_t>(taken));
    if (closing()) return;
    if (paused()) {
        if (taken > 0) return;
        paused_since_ = since;  // the same packet still waits: one push-back, one time limit
        core_.count().pushbacks = pushbacks;
        return schedule();
    }
    heard_ = core_.now();
    if (partial_.size() < partial_kept_max) partial_.shrink_to_fit();
    schedule();
    wire_.on_readable();
}

SteadyTime Connection::deadline() const {
    if (paused()) return paused_since_ + core_.limits().pushback;
    if (state_ != State::open) return heard_ + core_.limits().idle_before_connect;
    const SteadyTime proof = authentication_deadline();
    if (keep_alive_s_ == 0) return proof;
    const SteadyTime silence = heard_ + seconds{keep_alive_s_} * 3 / 2;  // MQTT 5 3.1.2.10
    return proof.ns == 0 ? silence : std::min(silence, proof);
}

void Connection::schedule() {
    const SteadyTime at = deadline();
    if (at.ns == 0)
        disarm();
    else
        arm(at);
}

void Connection::on_due(SteadyTime now) {
    if (closing()) return;
    if (deadline() > now || deadline().ns == 0) return schedule();
    if (paused())
        return close(ReasonCode::quota_exceeded, "the server had no room for a message in time");
    if (state_ == State::waiting) return finish("no CONNECT in time");
    if (state_ == State::authenticating || deadline() == authentication_deadline())
        return refuse_authentication({.why = "the authentication was not over in time"});
    ++core_.count().keep_alive_timeouts;
    close(ReasonCode::keep_alive_timeout, "nothing was heard for 1.5 times keep alive");
}

}  // namespace mw::mqtt
