#include "data/ingest/metrics.h"

namespace mw::ingest {

Metrics::Metrics(metrics::Registry& registry)
    : points(registry.counter("millwright_ingest_points_total", "Points stored")),
      points_uncertain(registry.counter("millwright_ingest_points_uncertain_total",
                                        "Points stored with an uncertain quality")),
      points_bad(registry.counter("millwright_ingest_points_bad_total",
                                  "Points stored with a bad quality")),
      decisions(registry.counter("millwright_ingest_decisions_total", "Decisions stored")),
      duplicates(registry.counter("millwright_ingest_duplicate_messages_total",
                                  "Messages whose stream position was stored before")),
      dead_letters(registry.counter("millwright_ingest_dead_letters_total",
                                    "Messages that could not be decoded")),
      unknown_devices(registry.counter("millwright_ingest_unknown_device_messages_total",
                                       "Messages of devices that are not registered")),
      pushed_back(registry.counter("millwright_ingest_pushed_back_messages_total",
                                   "Messages that the door was told to offer again")),
      failed(registry.counter("millwright_ingest_failed_messages_total",
                              "Messages that could not be stored because of the disk")) {
    for (std::size_t i = 0; i < topic_kinds; ++i)
        messages[i] = &registry.counter(
            "millwright_ingest_messages_total", "Messages of registered devices by kind",
            {{"kind", std::string(to_string(static_cast<TopicKind>(i)))}});
}

}  // namespace mw::ingest
