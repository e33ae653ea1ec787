#include "platform/http/metrics.h"

#include <algorithm>

namespace mw::http {

ServerMetrics::ServerMetrics(metrics::Registry& registry, std::string listener)
    : registry_(registry),
      listener_(std::move(listener)),
      duration_(registry.histogram("millwright_http_request_duration_seconds",
                                   "From the whole request to the head of its response.",
                                   {{"listener", listener_}})) {}

void ServerMetrics::record(const Served& served) {
    const int hundreds = std::clamp(served.status / 100, 0, 5);
    metrics::Counter*& counter = requests_[static_cast<int>(served.method)][hundreds];
    if (!counter)
        counter = &registry_.counter("millwright_http_requests_total", "Requests answered.",
                                     {{"listener", listener_},
                                      {"method", std::string(to_string(served.method))},
                                      {"status", std::to_string(hundreds) + "xx"}});
    counter->add();
    duration_.observe(1e-9 * static_cast<double>(served.took.count()));
}

}  // namespace mw::http
