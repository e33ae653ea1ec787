#pragma once
// A loop's and its workers' counters as instruments. update() copies them: call it before a scrape,
// from one thread at a time; the loop may be another's.
//
//   millwright_loop_turns_total, millwright_loop_slow_turns_total,
//   millwright_loop_failed_tasks_total, millwright_loop_slowest_turn_seconds,
//   millwright_loop_mailbox_high_water_messages, millwright_loop_mailbox_refused_total {loop}
//   millwright_workers_jobs_done_total, millwright_workers_jobs_refused_total,
//   millwright_workers_queue_jobs, millwright_workers_queue_high_water_jobs

#include "base/metrics.h"
#include "platform/loop/event_loop.h"
#include "platform/loop/workers.h"

namespace mw {

class LoopMetrics {
 public:
    LoopMetrics(metrics::Registry& registry, std::string loop_name);
    void update(Loop& loop);

 private:
    metrics::Counter &turns_, &slow_turns_, &failed_tasks_, &refused_;
    metrics::Gauge &slowest_turn_, &high_water_;
};

class WorkersMetrics {
 public:
    explicit WorkersMetrics(metrics::Registry& registry);
    void update(const Workers& workers);

 private:
    metrics::Counter &done_, &refused_;
    metrics::Gauge &queued_, &high_water_;
};

}  // namespace mw
