#include "protocols/mqtt/client.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "base/log.h"
#include "protocols/mqtt/codec.h"
#include "protocols/mqtt/ring.h"
#include "protocols/mqtt/topics.h"

namespace mw::mqtt {
namespace {

// Publishes and requests share the space of packet identifiers: each has its own part of it.
constexpr std::uint32_t publish_ids = 60'000;
constexpr PacketId first_request_id = 60'001;
constexpr nanoseconds goodbye_limit = seconds{2};

PacketId id_of(Sequence sequence) {
    return static_cast<PacketId>((sequence - 1) % publish_ids + 1);
}

Error refusal(const Connack& packet) {
    std::string words = "the server refuses: ";
    words.append(to_string(packet.reason));
    const std::string_view reason = packet.properties.text(Property::reason_string);
    if (!reason.empty()) words.append(" (").append(reason).append(")");
    const std::string_view server = packet.properties.text(Property::server_reference);
    if (!server.empty()) words.append(": ").append(server);
    switch (packet.reason) {
        case ReasonCode::not_authorized:
        case ReasonCode::banned:
        case ReasonCode::bad_user_name_or_password:
        case ReasonCode::bad_authentication_method:
            return {Errc::denied, words};
        case ReasonCode::server_unavailable:
        case ReasonCode::server_busy:
        case ReasonCode::quota_exceeded:
        case ReasonCode::connection_rate_exceeded:
        case ReasonCode::use_another_server:
            return {Errc::overloaded, words};
        default:
            return {Errc::invalid_input, words};
    }
}

}  // namespace

struct Client::Parts {
    struct Request {  // SUBSCRIBE or UNSUBSCRIBE that waits for its answer
        Event answered;
        ReasonCode reason = ReasonCode::unspecified_error;
    };
    struct Incoming {
        Message message;
        PacketId id = 0;
    };

    Parts(std::unique_ptr<net::Stream> transport, ClientOptions wanted)
        : options(std::move(wanted)), stream(std::move(transport)), scope(Loop::here()) {
        stream->set_write_limit(options.outbox_bytes);
        window_max = std::min<std::uint32_t>(options.in_flight_max, publish_ids);
        client_id = options.client_id;
    }

    void send_connect();
    static Task<> wait_for_connack(Parts& self);
    static Task<> read(Parts& self);
    static Task<> keep_alive(Parts& self);
    static Task<> request(Parts& self, PacketType type, std::string filter, QoS qos);
    void on_connack(const Connack& packet);
    bool receive(ByteView bytes);  // false: closed
    std::size_t parse(ByteView bytes);
    Fault dispatch(const Frame& frame);
    Fault on_publish(const Frame& frame);
    Fault on_puback(const Frame& frame);
    Fault on_answer(const Frame& frame);
    Fault on_disconnect(const Frame& frame);
    void close(Error why);
    Error why_closed() const {
        return close_error ? *close_error : Error{Errc::cancelled, "the client says goodbye"};
    }
    Result<> send() { return stream->write(output); }
    std::size_t in_flight() const { return window.size(); }

    ClientOptions options;
    std::unique_ptr<net::Stream> stream;
    std::string client_id;
    bool session_present = false;
    bool open = false;
    bool said_goodbye = false;
    std::optional<Error> close_error;
    std::optional<Error> connect_error;
    bool connected = false;
    std::uint16_t keep_alive_s = 0;
    std::uint32_t window_max = 0;
    std::size_t server_packet_max = 268'435'460;

    Bytes output;
    Bytes partial;
    Publish packet;  // to decode into
    enum class Answered : std::uint8_t { no, yes };
    Ring<Answered> window;  // one per publish in flight: answered, but an earlier one is not
    Sequence acknowledged = 0;
    PacketId next_request = first_request_id;
    std::unordered_map<PacketId, Request*> requests;
    std::deque<Incoming> inbox;
    std::uint64_t pings_unanswered = 0;
    std::function<void(Sequence)> on_acknowledged;
    std::function<void(Sequence, ReasonCode)> on_refused;
    Event progress;  // acknowledged has grown, or the connection ended
    Event arrived;   // a message, or the end
    Event taken;     // the inbox has room
    Event ended;
    Scope scope;  // last: its coroutines use all of the above
};

void Client::Parts::send_connect() {
    Connect connect;
    connect.version = options.version;
    connect.clean_start = options.clean_start;
    connect.keep_alive_s = keep_alive_s = options.keep_alive_s;
    connect.client_id = options.client_id;
    if (options.user_name) connect.user_name = *options.user_name;
    if (options.password) connect.password = bytes_of(*options.password);
    if (options.will) {
        WillView& will = connect.will.emplace();
        will.topic = options.will->topic;
        will.payload = bytes_of(options.will->payload);
        will.qos = options.will->qos;
        will.retain = options.will->retain;
    }
    const auto incoming = std::clamp<std::size_t>(options.incoming_messages, 1, 65'535);
    connect.properties.set(Property::session_expiry, options.session_expiry_s);
    connect.properties.set(Property::receive_maximum, static_cast<std::uint32_t>(incoming));
    connect.properties.set(Property::maximum_packet_size,
                           static_cast<std::uint32_t>(options.packet_bytes));
    output.clear();
    encode(output, connect);
}

Task<> Client::Parts::wait_for_connack(Parts& self) {
    self.send_connect();
    CO_TRY_VOID(self.send());
    while (!self.connected) {
        CO_TRY(const ByteView bytes, co_await self.stream->read());
        if (bytes.empty())
            co_return Error{Errc::io_failed, "the server closed the connection before CONNACK"};
        const bool alive = self.receive(bytes);
        if (self.connect_error) co_return *self.connect_error;
        if (!alive) co_return self.why_closed();
    }
    co_return Result<>{};
}

void Client::Parts::on_connack(const Connack& packet) {
    if (packet.reason != ReasonCode::success) {
        connect_error = refusal(packet);
        return;
    }
    const Properties& properties = packet.properties;
    session_present = packet.session_present;
    if (properties.has(Property::assigned_client_id))
        client_id = properties.text(Property::assigned_client_id);
    window_max = std::min(window_max, properties.number(Property::receive_maximum, 65'535));
    server_packet_max = properties.number(Property::maximum_packet_size, 268'435'460);
    keep_alive_s =
        static_cast<std::uint16_t>(properties.number(Property::server_keep_alive, keep_alive_s));
    connected = true;
    open = true;
}

Task<> Client::Parts::read(Parts& self) {
    while (self.open) {
        auto bytes = co_await self.stream->read();
        if (!bytes) {
            self.close(std::move(bytes).error().context("read"));
            break;
        }
        if (bytes->empty()) {
            self.close({Errc::io_failed, "the server closed the connection"});
            break;
        }
        if (!self.receive(*bytes)) break;
        while (self.open && self.inbox.size() >= self.options.incoming_messages) {
            self.taken.reset();
            CO_TRY_VOID(co_await self.taken.wait());
        }
    }
    co_return Result<>{};
}

// PINGREQ in each half of the keep alive; two in a row without a byte from the server end it.
Task<> Client::Parts::keep_alive(Parts& self) {
    const nanoseconds half = seconds{self.keep_alive_s} / 2;
    std::uint64_t heard = self.stream->bytes_read();
    while (self.open && self.keep_alive_s > 0) {
        CO_TRY_VOID(co_await sleep_for(half));
        if (!self.open) break;
        const std::uint64_t now = self.stream->bytes_read();
        self.pings_unanswered = now == heard ? self.pings_unanswered : 0;
        heard = now;
        const bool reading = self.inbox.size() < self.options.incoming_messages;
        if (reading && self.pings_unanswered >= 2) {
            self.close({Errc::timed_out, "the server answers no PINGREQ"});
            break;
        }
        self.output.clear();
        encode_empty(self.output, PacketType::pingreq);
        // No room for two bytes: then the server has more than enough to show that we live.
        if (self.send()) ++self.pings_unanswered;
    }
    co_return Result<>{};
}

bool Client::Parts::receive(ByteView bytes) {
    const Sequence before = acknowledged;
    if (partial.empty()) {
        const std::size_t used = parse(bytes);
        partial.assign(bytes.begin() + static_cast<std::ptrdiff_t>(used), bytes.end());
    } else {
        partial.insert(partial.end(), bytes.begin(), bytes.end());
        const std::size_t used = parse(partial);
        partial.erase(partial.begin(), partial.begin() + static_cast<std::ptrdiff_t>(used));
    }
    if (acknowledged != before) {
        progress.set();
        if (on_acknowledged) on_acknowledged(acknowledged);
    }
    return !close_error && !connect_error;
}

std::size_t Client::Parts::parse(ByteView bytes) {
    std::size_t at = 0;
    Frame frame;
    while (!close_error && !connect_error) {
        Fault fault = next_frame(bytes.subspan(at), options.packet_bytes, frame);
        if (fault.ok() && frame.size == 0) break;
        if (fault.ok()) fault = dispatch(frame);
        if (!fault.ok()) {
            close({Errc::io_failed, "the server broke the protocol: " + fault.describe()});
            break;
        }
        at += frame.size;
    }
    return at;
}

Fault Client::Parts::dispatch(const Frame& frame) {
    const Fault unexpected{ReasonCode::protocol_error, frame.type, 0,
                           "a server does not send this packet here"};
    if (connected == (frame.type == PacketType::connack)) return unexpected;
    switch (frame.type) {
        case PacketType::connack: {
            Connack answer;
            const Fault fault = decode(frame, options.version, answer);
            if (fault.ok()) on_connack(answer);
            return fault;
        }
        case PacketType::publish:
            return on_publish(frame);
        case PacketType::puback:
            return on_puback(frame);
        case PacketType::suback:
        case PacketType::unsuback:
            return on_answer(frame);
        case PacketType::pingresp:
            pings_unanswered = 0;
            return decode_empty(frame);
        case PacketType::disconnect:
            return on_disconnect(frame);
        default:
            return unexpected;
    }
}

Fault Client::Parts::on_publish(const Frame& frame) {
    if (Fault fault = decode(frame, options.version, packet); !fault.ok()) return fault;
    if (packet.qos == QoS::exactly_once)
        return {ReasonCode::qos_not_supported, frame.type, 0, "nothing was subscribed at QoS 2"};
    if (packet.properties.has(Property::topic_alias))
        return {ReasonCode::topic_alias_invalid, frame.type, 0, "no topic alias was allowed"};
    Incoming incoming;
    incoming.id = packet.id;
    incoming.message = {.topic = std::string(packet.topic),
                        .payload = Bytes(packet.payload.begin(), packet.payload.end()),
                        .qos = packet.qos,
                        .retain = packet.retain,
                        .dup = packet.dup};
    inbox.push_back(std::move(incoming));
    arrived.set();
    return {};
}

Fault Client::Parts::on_puback(const Frame& frame) {
    Ack answer;
    if (Fault fault = decode(frame, options.version, answer); !fault.ok()) return fault;
    const PacketId first = id_of(acknowledged + 1);
    const std::uint32_t at =
        answer.id >= first ? answer.id - std::uint32_t{first} : publish_ids - first + answer.id;
    if (answer.id > publish_ids || at >= window.size() || window[at] == Answered::yes)
        return {ReasonCode::packet_identifier_not_found, frame.type, 0,
                "nothing in flight has this packet identifier"};
    window[at] = Answered::yes;
    if (is_failure(answer.reason) && on_refused) on_refused(acknowledged + 1 + at, answer.reason);
    while (!window.empty() && window.front() == Answered::yes) {
        window.pop_front();
        ++acknowledged;
    }
    return {};
}

Fault Client::Parts::on_answer(const Frame& frame) {
    Suback answer;
    if (Fault fault = decode(frame, options.version, answer); !fault.ok()) return fault;
    const auto found = requests.find(answer.id);
    if (found == requests.end()) return {};  // its caller has given up
    found->second->reason = answer.reasons.empty() ? ReasonCode::success : answer.reasons.front();
    found->second->answered.set();
    return {};
}

Fault Client::Parts::on_disconnect(const Frame& frame) {
    Disconnect bye;
    if (Fault fault = decode(frame, options.version, bye); !fault.ok()) return fault;
    std::string words = "the server disconnects: ";
    words.append(to_string(bye.reason));
    const std::string_view reason = bye.properties.text(Property::reason_string);
    if (!reason.empty()) words.append(" (").append(reason).append(")");
    const bool denied = bye.reason == ReasonCode::not_authorized;
    close({denied ? Errc::denied : Errc::io_failed, words});
    return {};
}

void Client::Parts::close(Error why) {
    if (close_error) return;
    close_error = std::move(why);
    open = false;
    stream->close();
    for (auto& [id, request] : requests) request->answered.set();
    progress.set(), arrived.set(), taken.set(), ended.set();
}

Task<> Client::Parts::request(Parts& self, PacketType type, std::string filter, QoS qos) {
    const std::string_view fault = topic_filter_fault(filter, max_topic_bytes);
    if (!fault.empty()) co_return Error{Errc::invalid_input, std::string(fault)};
    if (!self.open) co_return self.why_closed();
    Request request;
    while (self.requests.contains(self.next_request)) ++self.next_request;
    const PacketId id = self.next_request;
    self.next_request = id == 65'535 ? first_request_id : static_cast<PacketId>(id + 1);
    self.output.clear();
    if (type == PacketType::subscribe) {
        Subscribe packet;
        packet.id = id;
        packet.filters.push_back({filter, {.qos = qos}});
        encode(self.output, self.options.version, packet);
    } else {
        Unsubscribe packet;
        packet.id = id;
        packet.filters.push_back(filter);
        encode(self.output, self.options.version, packet);
    }
    CO_TRY_VOID(self.send());
    self.requests.emplace(id, &request);
    auto answered = co_await within(self.options.connect_timeout, request.answered.wait());
    self.requests.erase(id);
    if (!answered) co_return std::move(answered).error().context(to_string(type));
    if (!self.open) co_return self.why_closed();
    if (is_failure(request.reason)) {
        const bool denied =
            request.reason == ReasonCode::not_authorized || self.options.version == Version::v3_1_1;
        co_return Error{denied ? Errc::denied : Errc::invalid_input,
                        filter + ": " + std::string(to_string(request.reason))};
    }
    co_return Result<>{};
}

Client::Client(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Client::~Client() = default;

Task<std::unique_ptr<Client>> Client::connect(std::unique_ptr<net::Stream> stream,
                                              ClientOptions options) {
    if (options.in_flight_max == 0 || options.client_id.size() > max_topic_bytes)
        co_return Error{Errc::invalid_input, "want in_flight_max > 0 and a shorter client id"};
    auto parts = std::make_unique<Parts>(std::move(stream), std::move(options));
    auto answer = co_await within(parts->options.connect_timeout, Parts::wait_for_connack(*parts));
    if (!answer) co_return std::move(answer).error().context("MQTT CONNECT");
    parts->scope.spawn(Parts::read(*parts));
    parts->scope.spawn(Parts::keep_alive(*parts));
    co_return std::unique_ptr<Client>(new Client(std::move(parts)));
}

bool Client::session_present() const { return parts_->session_present; }
const std::string& Client::client_id() const { return parts_->client_id; }
bool Client::is_open() const { return parts_->open; }

Result<Sequence> Client::publish(std::string_view topic, ByteView payload, QoS qos, bool retain) {
    Parts& self = *parts_;
    if (!self.open) return self.why_closed();
    const std::string_view fault = topic_name_fault(topic, max_topic_bytes);
    if (!fault.empty()) return Error{Errc::invalid_input, std::string(fault)};
    if (qos == QoS::exactly_once) return Error{Errc::invalid_input, "want QoS 0 or 1"};
    const bool counted = qos == QoS::at_least_once;
    if (counted && self.in_flight() >= self.window_max)
        return Error{Errc::overloaded, "too many messages are in flight"};
    const Sequence sequence = self.acknowledged + self.in_flight() + 1;
    Publish packet;
    packet.topic = topic;
    packet.payload = payload;
    packet.qos = qos;
    packet.retain = retain;
    packet.id = counted ? id_of(sequence) : PacketId{0};
    self.output.clear();
    encode(self.output, self.options.version, packet);
    if (self.output.size() > self.server_packet_max)
        return Error{Errc::invalid_input, "the message is larger than the server takes (" +
                                              std::to_string(self.server_packet_max) + " bytes)"};
    TRY_VOID(self.send());
    if (!counted) return Sequence{0};
    self.window.push_back(Parts::Answered::no);
    return sequence;
}

Task<> Client::room() {
    Parts& self = *parts_;
    while (self.open && self.in_flight() >= self.window_max) {
        self.progress.reset();
        CO_TRY_VOID(co_await self.progress.wait());
    }
    if (!self.open) co_return self.why_closed();
    co_return co_await self.stream->writable();
}

Sequence Client::acknowledged() const { return parts_->acknowledged; }
std::size_t Client::in_flight() const { return parts_->in_flight(); }

void Client::on_acknowledged(std::function<void(Sequence)> listener) {
    parts_->on_acknowledged = std::move(listener);
}
void Client::on_refused(std::function<void(Sequence, ReasonCode)> listener) {
    parts_->on_refused = std::move(listener);
}

Task<> Client::acknowledged(Sequence sequence) {
    Parts& self = *parts_;
    while (self.open && self.acknowledged < sequence) {
        self.progress.reset();
        CO_TRY_VOID(co_await self.progress.wait());
    }
    if (self.acknowledged < sequence) co_return self.why_closed();
    co_return Result<>{};
}

Task<> Client::subscribe(std::string filter, QoS qos) {
    return Parts::request(*parts_, PacketType::subscribe, std::move(filter), qos);
}
Task<> Client::unsubscribe(std::string filter) {
    return Parts::request(*parts_, PacketType::unsubscribe, std::move(filter), QoS::at_most_once);
}

Task<Message> Client::receive() {
    Parts& self = *parts_;
    while (self.inbox.empty()) {
        if (!self.open) co_return self.why_closed();
        self.arrived.reset();
        CO_TRY_VOID(co_await self.arrived.wait());
    }
    Parts::Incoming incoming = std::move(self.inbox.front());
    self.inbox.pop_front();
    self.taken.set();
    // QoS 1 is acknowledged when the application has the message, not before.
    if (incoming.id != 0 && self.open) {
        self.output.clear();
        encode_puback(self.output, incoming.id);
        ignore(self.send(), "without an acknowledgement it comes again");
    }
    co_return std::move(incoming.message);
}

Task<> Client::closed() {
    Parts& self = *parts_;
    CO_TRY_VOID(co_await self.ended.wait());
    if (self.said_goodbye) co_return Result<>{};
    co_return self.why_closed();
}

std::string Client::close_reason() const {
    return parts_->close_error ? parts_->close_error->message : std::string();
}

Task<> Client::disconnect() {
    Parts& self = *parts_;
    if (!self.open) co_return Result<>{};
    self.output.clear();
    encode(self.output, self.options.version, PacketType::disconnect, Disconnect{});
    CO_TRY_VOID(self.send());
    self.open = false;
    self.said_goodbye = true;
    self.stream->finish();
    ignore(co_await within(goodbye_limit, self.stream->flush()), "the server may be gone");
    self.close({Errc::cancelled, "disconnected"});
    co_return Result<>{};
}

}  // namespace mw::mqtt
