#pragma once
// A listener's counters as instruments. update() copies them: call it before a scrape, on the
// listener's loop.
//
//   millwright_net_connections_accepted_total, millwright_net_connections_refused_total,
//   millwright_net_handshakes_failed_total, millwright_net_connections_open,
//   millwright_net_tls_sessions_kept {listener}

#include "base/metrics.h"
#include "platform/net/tcp.h"

namespace mw::net {

class ListenerMetrics {
 public:
    ListenerMetrics(metrics::Registry& registry, const std::string& listener);
    void update(const ListenerCounters& now);

 private:
    metrics::Counter &accepted_, &refused_, &failed_;
    metrics::Gauge &open_, &sessions_;
};

}  // namespace mw::net
