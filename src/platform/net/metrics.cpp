#include "platform/net/metrics.h"

namespace mw::net {

ListenerMetrics::ListenerMetrics(metrics::Registry& registry, const std::string& listener)
    : accepted_(registry.counter("millwright_net_connections_accepted_total",
                                 "Connections whose handshake was done.",
                                 {{"listener", listener}})),
      refused_(registry.counter("millwright_net_connections_refused_total",
                                "Connections over a limit.", {{"listener", listener}})),
      failed_(registry.counter("millwright_net_handshakes_failed_total",
                               "Handshakes of TLS or WebSocket that failed or took too long.",
                               {{"listener", listener}})),
      open_(registry.gauge("millwright_net_connections_open", "Connections open now.",
                           {{"listener", listener}})),
      sessions_(registry.gauge("millwright_net_tls_sessions_kept",
                               "Sessions of TLS kept for clients that come back.",
                               {{"listener", listener}})) {}

void ListenerMetrics::update(const ListenerCounters& now) {
    accepted_.add(now.accepted - accepted_.value());
    const std::uint64_t refused = now.refused_full + now.refused_descriptors;
    refused_.add(refused - refused_.value());
    failed_.add(now.failed_handshakes - failed_.value());
    open_.set(static_cast<double>(now.open));
    sessions_.set(static_cast<double>(now.sessions_kept));
}

}  // namespace mw::net
