#pragma once
// The instruments of data/history; the README lists them.

#include "base/metrics.h"

namespace mw::history {

struct Metrics {
    explicit Metrics(metrics::Registry& r)
        : points(r.counter("millwright_history_points_appended_total", "Points appended")),
          decisions(r.counter("millwright_history_decisions_appended_total", "Decisions appended")),
          log_bytes(r.counter("millwright_history_log_bytes_total", "Bytes synced to the log")),
          resends(r.counter("millwright_history_resends_total",
                            "Messages whose stream position was stored before")),
          replaced(r.counter("millwright_history_replaced_points_total",
                             "Points that replaced one of the same series and time")),
          late(r.counter("millwright_history_late_points_total",
                         "Points not newer than the newest of their series")),
          refused(r.counter("millwright_history_refused_points_total",
                            "Points refused for lack of memory, space or a working disk")),
          sync(r.histogram("millwright_history_sync_duration_seconds",
                           "Write and sync of a group of frames")),
          seal(r.histogram("millwright_history_seal_duration_seconds",
                           "From head to catalogued files", {}, seal_buckets)),
          seals(r.counter("millwright_history_seals_total", "Seals that ended well")),
          seal_failures(
              r.counter("millwright_history_seal_failures_total", "Tries to seal that failed")),
          compaction(r.histogram("millwright_history_compaction_duration_seconds",
                                 "Merge of files, until the catalog has them", {}, seal_buckets)),
          compactions(
              r.counter("millwright_history_compactions_total", "Compactions that ended well")),
          compaction_failures(r.counter("millwright_history_compaction_failures_total",
                                        "Tries to compact that failed")),
          compacted(r.counter("millwright_history_compacted_points_total",
                              "Points that compactions wrote")),
          expired(r.counter("millwright_history_expired_points_total",
                            "Points that were older than they may be kept")),
          doomed_files(r.gauge("millwright_history_doomed_files",
                               "Replaced files that somebody may still be reading")),
          waiting_bytes(
              r.gauge("millwright_history_waiting_bytes", "Accepted and not yet given to a sync")),
          head_points(r.gauge("millwright_history_head_points", "Points in memory")),
          head_bytes(r.gauge("millwright_history_head_bytes", "Memory of the head")) {}

    metrics::Counter &points, &decisions, &log_bytes, &resends, &replaced, &late, &refused;
    metrics::Histogram &sync, &seal;
    metrics::Counter &seals, &seal_failures;
    metrics::Histogram& compaction;
    metrics::Counter &compactions, &compaction_failures, &compacted, &expired;
    metrics::Gauge& doomed_files;
    metrics::Gauge &waiting_bytes, &head_points, &head_bytes;

    static constexpr double seal_buckets[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                              1,    2.5,   5,    10,  25,   60};
};

}  // namespace mw::history
