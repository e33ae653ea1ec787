#pragma once
// What ingest counts. README.md lists the names.

#include <array>

#include "base/metrics.h"
#include "data/ingest/topic.h"

namespace mw::ingest {

struct Metrics {
    explicit Metrics(metrics::Registry& registry);

    std::array<metrics::Counter*, topic_kinds> messages{};  // by kind
    metrics::Counter& points;
    metrics::Counter& points_uncertain;
    metrics::Counter& points_bad;
    metrics::Counter& decisions;
    metrics::Counter& duplicates;  // messages that were stored before
    metrics::Counter& dead_letters;
    metrics::Counter& unknown_devices;
    metrics::Counter& pushed_back;  // overloaded
    metrics::Counter& failed;       // io_failed
};

}  // namespace mw::ingest
