#pragma once
// A server's requests as instruments: give `record` to Server::on_served.
//
//   millwright_http_requests_total{listener, method, status}        status "2xx" to "5xx"
//   millwright_http_request_duration_seconds{listener}              until the response's head

#include <string>

#include "base/metrics.h"
#include "platform/http/server.h"

namespace mw::http {

class ServerMetrics {
 public:
    ServerMetrics(metrics::Registry& registry, std::string listener);
    void record(const Served& served);

 private:
    static constexpr int methods = 7;
    metrics::Registry& registry_;
    const std::string listener_;
    metrics::Counter* requests_[methods][6] = {};  // made when first seen: most pairs never are
    metrics::Histogram& duration_;
};

}  // namespace mw::http
