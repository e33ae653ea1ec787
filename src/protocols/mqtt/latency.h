#pragma once
// Inside the module: how long things take, for Prometheus. A connect is always measured. Of the
// publishes one in sample_every is, and only while no other is: from the read that brought it to
// its PUBACK or PUBREC, and to the moment when the kernel has taken the last byte for the last of
// its subscribers. So it costs a comparison a message, and says nothing about single clients.

#include <cstdint>

#include "base/clock.h"
#include "base/metrics.h"
#include "protocols/mqtt/packet.h"

namespace mw::mqtt {

class Connection;

class Latencies {
 public:
    static constexpr std::uint32_t sample_every = 64;

    void measure_into(metrics::Registry& registry);
    bool on() const { return connect_ != nullptr; }

    void connected(nanoseconds took) {
        if (on()) connect_->observe(seconds_of(took));
    }
    bool is_turn() { return on() && ++turn_ % sample_every == 0; }

    // One acknowledgement at a time.
    void expect(const Connection& connection, PacketId id, SteadyTime received) {
        if (waiting_ == nullptr) waiting_ = &connection, id_ = id, received_ = received;
    }
    bool expects(const Connection& connection, PacketId id) const {
        return waiting_ == &connection && id_ == id;
    }
    void acknowledged(SteadyTime now) {
        acknowledge_->observe(seconds_of(now - received_));
        waiting_ = nullptr;
    }
    void forget(const Connection& connection) {
        if (waiting_ == &connection) waiting_ = nullptr;
    }

    // One delivery at a time.
    bool begin_delivery() { return !delivering_ && (delivering_ = true); }
    void end_delivery() { delivering_ = false; }
    void delivered(nanoseconds took) { deliver_->observe(seconds_of(took)); }

 private:
    static double seconds_of(nanoseconds took) { return double(took.count()) * 1e-9; }

    metrics::Histogram* connect_ = nullptr;  // null: nothing is measured
    metrics::Histogram* acknowledge_ = nullptr;
    metrics::Histogram* deliver_ = nullptr;
    std::uint32_t turn_ = 0;
    const Connection* waiting_ = nullptr;
    PacketId id_ = 0;
    SteadyTime received_;
    bool delivering_ = false;
};

}  // namespace mw::mqtt
