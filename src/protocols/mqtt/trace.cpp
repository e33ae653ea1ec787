#include "protocols/mqtt/trace.h"

#include <algorithm>
#include <iterator>

#include "protocols/mqtt/core.h"

namespace mw::mqtt {
namespace {

using Direction = TraceEvent::Direction;

constexpr std::size_t detail_bytes_max = 1'024;
constexpr std::size_t any_packet_bytes = 268'435'460;

void add_words(std::string& to, std::string_view words) {
    if (to.size() >= detail_bytes_max) return;
    if (!to.empty()) to += ", ";
    to.append(words.substr(0, detail_bytes_max));
}

void describe_publish(const Frame& frame, Version version, std::size_t payload_bytes,
                      TraceEvent& event) {
    Publish packet;
    if (!decode(frame, version, packet).ok()) return;
    if (!packet.topic.empty()) event.topic = packet.topic;
    event.qos = packet.qos;
    event.retain = packet.retain;
    event.dup = packet.dup;
    event.id = packet.id;
    event.payload_bytes = packet.payload.size();
    const ByteView shown =
        packet.payload.first(std::min({payload_bytes, trace_payload_max, packet.payload.size()}));
    event.payload.assign(shown.begin(), shown.end());
}

void describe_connect(const Frame& frame, TraceEvent& event) {
    Connect packet;
    if (!decode(frame, packet).ok()) return;
    event.client_id = packet.client_id;
    event.detail = packet.version == Version::v5 ? "MQTT 5" : "MQTT 3.1.1";
    if (packet.clean_start) add_words(event.detail, "clean start");
    add_words(event.detail, "keep alive " + std::to_string(packet.keep_alive_s) + " s");
    if (packet.will) add_words(event.detail, "will " + std::string(packet.will->topic));
}

void describe_connack(const Frame& frame, Version version, TraceEvent& event) {
    Connack packet;
    if (!decode(frame, version, packet).ok()) return;
    event.detail = to_string(packet.reason);
    if (packet.session_present) add_words(event.detail, "session present");
}

void describe_subscribe(const Frame& frame, Version version, TraceEvent& event) {
    if (event.packet == PacketType::subscribe) {
        Subscribe packet;
        if (!decode(frame, version, packet).ok()) return;
        event.id = packet.id;
        for (const FilterRequest& request : packet.filters)
            add_words(event.detail, std::string(request.filter) + " at QoS " +
                                        std::to_string(static_cast<int>(request.options.qos)));
        return;
    }
    Unsubscribe packet;
    if (!decode(frame, version, packet).ok()) return;
    event.id = packet.id;
    for (std::string_view filter : packet.filters) add_words(event.detail, filter);
}

void describe_suback(const Frame& frame, Version version, TraceEvent& event) {
    Suback packet;
    if (!decode(frame, version, packet).ok()) return;
    event.id = packet.id;
    for (ReasonCode reason : packet.reasons) add_words(event.detail, to_string(reason));
}

void describe_ack(const Frame& frame, Version version, TraceEvent& event) {
    Ack packet;
    if (!decode(frame, version, packet).ok()) return;
    event.id = packet.id;
    if (packet.reason != ReasonCode::success) event.detail = to_string(packet.reason);
}

void describe_disconnect(const Frame& frame, Version version, TraceEvent& event) {
    Disconnect packet;
    if (!decode(frame, version, packet).ok()) return;
    event.detail = to_string(packet.reason);
    const std::string_view why = packet.properties.text(Property::reason_string);
    if (!why.empty()) add_words(event.detail, why);
}

}  // namespace

TraceEvent describe(Direction direction, Version version, ByteView packet, std::string_view topic,
                    std::size_t payload_bytes) {
    TraceEvent event;
    event.direction = direction;
    event.bytes = packet.size();
    event.topic = topic;
    Frame frame;
    if (!next_frame(packet, any_packet_bytes, frame).ok() || frame.size == 0) return event;
    event.packet = frame.type;
    switch (frame.type) {
        case PacketType::publish:
            describe_publish(frame, version, payload_bytes, event);
            break;
        case PacketType::connect:
            describe_connect(frame, event);
            break;
        case PacketType::connack:
            describe_connack(frame, version, event);
            break;
        case PacketType::subscribe:
        case PacketType::unsubscribe:
            describe_subscribe(frame, version, event);
            break;
        case PacketType::suback:
        case PacketType::unsuback:
            describe_suback(frame, version, event);
            break;
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            describe_ack(frame, version, event);
            break;
        case PacketType::disconnect:
        case PacketType::auth:
            describe_disconnect(frame, version, event);
            break;
        default:
            break;
    }
    return event;
}

Trace::Trace(TraceOrder order) : order_(std::move(order)) {}

bool Trace::follows(const Identity& identity, std::string_view client_id) const {
    return order_.client.empty() || order_.client == identity.name || order_.client == client_id;
}

bool Trace::follows(const TraceEvent& event) const {
    if (!follows(event.identity, event.client_id)) return false;
    if (order_.topic.empty()) return true;
    return event.packet == PacketType::publish && matches(order_.topic, event.topic);
}

void Trace::add(TraceEvent event) {
    bytes_ += event.cost();
    events_.push_back(std::move(event));
    while (events_.size() > trace_events_max || bytes_ > trace_bytes_max) {
        bytes_ -= events_.front().cost();
        events_.pop_front();
        ++dropped_;
    }
    arrived_.set();
}

void Trace::close() {
    closed_ = true;
    arrived_.set();
}

Task<TraceBatch> Trace::next(nanoseconds wait) {
    if (events_.empty() && !closed_) {
        arrived_.reset();
        auto arrived = co_await within(wait, arrived_.wait());
        if (!arrived && arrived.error().code != Errc::timed_out) co_return arrived.error();
    }
    if (closed_) co_return Error{Errc::cancelled, "the trace is closed"};
    TraceBatch batch;
    batch.events.assign(std::make_move_iterator(events_.begin()),
                        std::make_move_iterator(events_.end()));
    batch.dropped = dropped_;
    events_.clear();
    bytes_ = 0;
    co_return std::move(batch);
}

Result<std::shared_ptr<Trace>> Core::open_trace(TraceOrder order) {
    std::erase_if(traces_, [](const auto& trace) { return trace.expired(); });
    if (order.topic.empty() && order.client.empty())
        return Error{Errc::invalid_input, "want a topic filter or a client to follow"};
    if (!order.topic.empty())
        if (const auto fault = topic_filter_fault(order.topic, limits().topic_levels);
            !fault.empty())
            return Error{Errc::invalid_input, "topic: " + std::string(fault)};
    if (traces_.size() >= traces_max)
        return Error{Errc::overloaded, "too many traces are open; end one, or try later"};
    auto trace = std::make_shared<Trace>(std::move(order));
    traces_.push_back(trace);
    return trace;
}

// Copies what the traces want of a packet; those that nobody holds any more are forgotten.
void Core::tell_traces(Direction direction, const Connection& connection, ByteView packet) {
    std::erase_if(traces_, [](const auto& trace) { return trace.expired(); });
    const Session* session = connection.session();
    const std::string client_id = session != nullptr ? session->client_id() : std::string();
    std::size_t payload_bytes = 0;
    bool wanted = false;
    for (const auto& weak : traces_) {
        const auto trace = weak.lock();
        // Before CONNECT nobody knows whose it is.
        if (!trace || (session != nullptr && !trace->follows(connection.identity(), client_id)))
            continue;
        wanted = true;
        payload_bytes = std::max(payload_bytes, trace->order().payload_bytes);
    }
    if (!wanted) return;
    TraceEvent event = describe(direction, connection.version(), packet,
                                connection.alias_of(direction, packet), payload_bytes);
    event.at = parts_.clock.now();
    event.identity = connection.identity();
    if (session != nullptr) event.client_id = client_id;
    for (const auto& weak : traces_) {
        const auto trace = weak.lock();
        if (!trace || !trace->follows(event)) continue;
        TraceEvent copy = event;
        if (copy.payload.size() > trace->order().payload_bytes)
            copy.payload.resize(trace->order().payload_bytes);
        trace->add(std::move(copy));
    }
}

// What the traces hear before it is obeyed: what follows from a packet is told after it. A packet
// that has to wait for room comes again, and is told once.
Connection::Step Connection::dispatch_traced(const Frame& frame, ByteView packet) {
    if (!std::exchange(told_, false)) core_.tell_traces(Direction::in, *this, packet);
    const Step step = dispatch(frame);
    told_ = step == Step::again;
    return step;
}

// The topic that an alias stands for, as far as it is known.
std::string_view Connection::alias_of(TraceEvent::Direction direction, ByteView bytes) const {
    if (direction == Direction::out || aliases_.empty()) return {};
    Frame frame;
    Publish packet;
    if (!next_frame(bytes, any_packet_bytes, frame).ok() || frame.type != PacketType::publish)
        return {};
    if (!decode(frame, version_, packet).ok() || !packet.topic.empty()) return {};
    const std::uint32_t alias = packet.properties.number(Property::topic_alias, 0);
    if (alias == 0 || alias > aliases_.size()) return {};
    return aliases_[alias - 1];
}

}  // namespace mw::mqtt
