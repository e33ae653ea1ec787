#pragma once
// A trace: the packets of one client, or the messages of some topics, as they pass through a broker
// now. It belongs to the broker's loop and ends when nobody holds it. What its reader doesn't take
// in time is dropped, the oldest first, and counted. Without a trace a packet costs one comparison.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "platform/loop/loop.h"
#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

inline constexpr std::size_t trace_events_max = 1'000;  // waiting for the reader
inline constexpr std::size_t trace_bytes_max = std::size_t{4} << 20;
inline constexpr std::size_t trace_payload_max = 4'096;  // of each message
inline constexpr std::size_t traces_max = 16;            // of a broker

struct TraceOrder {
    std::string topic = {};         // a filter: PUBLISH packets that it matches
    std::string client = {};        // an identity's name or a client identifier; empty: every one
    std::size_t payload_bytes = 0;  // so many of each payload come along
};

struct TraceEvent {
    enum class Direction : std::uint8_t { in, out };  // from the client, to the client
    Timestamp at;
    Direction direction = Direction::in;
    Identity identity;
    std::string client_id;  // empty: not known yet
    PacketType packet = PacketType::reserved;
    std::size_t bytes = 0;  // of the packet
    PacketId id = 0;
    // PUBLISH only.
    std::string topic;
    QoS qos = QoS::at_most_once;
    bool retain = false;
    bool dup = false;
    std::size_t payload_bytes = 0;
    Bytes payload;
    std::string detail;  // filters, reasons, what a CONNECT wants

    std::size_t cost() const {
        return sizeof *this + client_id.size() + topic.size() + payload.size() + detail.size();
    }
};

struct TraceBatch {
    std::vector<TraceEvent> events;
    std::uint64_t dropped = 0;  // since the trace began
};

// How a packet is told: its text parts copied. topic is for a PUBLISH whose topic is an alias.
TraceEvent describe(TraceEvent::Direction direction, Version version, ByteView packet,
                    std::string_view topic, std::size_t payload_bytes);

class Trace {
 public:
    explicit Trace(TraceOrder order);

    // What has come, as soon as anything has; empty after `wait`. cancelled after close(). One
    // reader at a time.
    Task<TraceBatch> next(nanoseconds wait);
    void close();
    const TraceOrder& order() const { return order_; }

    // For the broker.
    bool follows(const Identity& identity, std::string_view client_id) const;
    bool follows(const TraceEvent& event) const;
    void add(TraceEvent event);
    void add_dropped(std::uint64_t events) { dropped_ += events; }

 private:
    TraceOrder order_;
    std::deque<TraceEvent> events_;
    std::size_t bytes_ = 0;
    std::uint64_t dropped_ = 0;
    bool closed_ = false;
    Event arrived_;
};

}  // namespace mw::mqtt
