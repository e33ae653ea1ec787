#include "protocols/mqtt/latency.h"

#include "protocols/mqtt/core.h"

namespace mw::mqtt {

void Latencies::measure_into(metrics::Registry& registry) {
    connect_ = &registry.histogram("millwright_mqtt_connect_duration_seconds",
                                   "From an accepted connection (TLS done) to its CONNACK");
    acknowledge_ = &registry.histogram(
        "millwright_mqtt_publish_acknowledge_duration_seconds",
        "From reading a PUBLISH to its PUBACK or PUBREC; one in 64 is measured");
    deliver_ = &registry.histogram("millwright_mqtt_publish_deliver_duration_seconds",
                                   "From reading a PUBLISH to the kernel having the last byte for "
                                   "its last subscriber; one in 64 is measured");
}

// After it was routed, before it is acknowledged.
void Core::measure(const Connection& from, const Publish& publish, SteadyTime received) {
    if (publish.qos != QoS::at_most_once) latencies_.expect(from, publish.id, received);
    const auto& reached = targets_of(publish.topic).subscriptions;
    if (reached.empty()) return;
    const Session& last = *reached.back().session;
    // What waits in a queue has not been written.
    if (last.connection() == nullptr || last.queued() > 0 || !latencies_.begin_delivery()) return;
    last.connection()->time_flush(received);
}

}  // namespace mw::mqtt
