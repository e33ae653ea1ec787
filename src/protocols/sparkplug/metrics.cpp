#include "protocols/sparkplug/machine.h"

namespace mw::sparkplug {

Instruments::Instruments(metrics::Registry& registry)
    : undeclared(registry.counter("millwright_sparkplug_undeclared_messages_total",
                                  "Messages of edge nodes that no Device stands for")),
      rejected(registry.counter("millwright_sparkplug_rejected_messages_total",
                                "Messages that became dead letters")),
      held(registry.counter("millwright_sparkplug_held_messages_total",
                            "Messages that waited for others before them")),
      late(registry.counter("millwright_sparkplug_late_messages_total",
                            "Messages that came after their gap was given up")),
      stray(registry.counter("millwright_sparkplug_stray_messages_total",
                             "Messages with a number that does not go on")),
      gaps(registry.counter("millwright_sparkplug_gaps_total",
                            "Gaps in the numbering that were given up")),
      rebirths(registry.counter("millwright_sparkplug_rebirths_asked_total",
                                "Times that an edge node was asked to be born again")),
      old_deaths(registry.counter("millwright_sparkplug_old_deaths_total",
                                  "Deaths of sessions that had ended before")),
      stale_points(registry.counter("millwright_sparkplug_stale_points_total",
                                    "Points that say that a signal is stale")),
      nodes_born(registry.gauge("millwright_sparkplug_nodes_born", "Edge nodes that are there")),
      held_bytes(registry.gauge("millwright_sparkplug_held_bytes",
                                "Payloads that wait for others before them")) {
    for (std::size_t i = 0; i < message_types; ++i)
        messages[i] = &registry.counter(
            "millwright_sparkplug_messages_total", "Messages of declared edge nodes by type",
            {{"type", std::string(to_string(static_cast<MessageType>(i)))}});
    for (std::size_t i = 0; i < skip_reasons; ++i)
        skipped[i] = &registry.counter("millwright_sparkplug_skipped_metrics_total",
                                       "Metrics that became no point",
                                       {{"reason", std::string(to_string(static_cast<Skip>(i)))}});
}

}  // namespace mw::sparkplug
