#include "platform/loop/metrics.h"

namespace mw {
namespace {
void catch_up(metrics::Counter& counter, std::uint64_t now) {
    if (now > counter.value()) counter.add(now - counter.value());
}
}  // namespace

LoopMetrics::LoopMetrics(metrics::Registry& registry, std::string name)
    : turns_(
          registry.counter("millwright_loop_turns_total", "Turns of the loop.", {{"loop", name}})),
      slow_turns_(registry.counter("millwright_loop_slow_turns_total",
                                   "Turns over 200 us: something blocks.", {{"loop", name}})),
      failed_tasks_(registry.counter("millwright_loop_failed_tasks_total",
                                     "Tasks that ended in an error nobody asked for.",
                                     {{"loop", name}})),
      refused_(registry.counter("millwright_loop_mailbox_refused_total",
                                "Posts refused by a full mailbox.", {{"loop", name}})),
      slowest_turn_(registry.gauge("millwright_loop_slowest_turn_seconds",
                                   "The slowest turn since the start.", {{"loop", name}})),
      high_water_(registry.gauge("millwright_loop_mailbox_high_water_messages",
                                 "Most posts that ever waited.", {{"loop", name}})) {}

void LoopMetrics::update(Loop& loop) {
    const LoopCounters& now = loop.counters();
    catch_up(turns_, now.turns.load(std::memory_order_relaxed));
    catch_up(slow_turns_, now.slow_turns.load(std::memory_order_relaxed));
    catch_up(failed_tasks_, now.failed_tasks.load(std::memory_order_relaxed));
    slowest_turn_.set(1e-9 *
                      static_cast<double>(now.slowest_turn_ns.load(std::memory_order_relaxed)));
    catch_up(refused_, loop.mailbox()->refused());
    high_water_.set(static_cast<double>(loop.mailbox()->high_water()));
}

WorkersMetrics::WorkersMetrics(metrics::Registry& registry)
    : done_(registry.counter("millwright_workers_jobs_done_total", "Jobs that ended.")),
      refused_(registry.counter("millwright_workers_jobs_refused_total",
                                "Jobs refused by a full queue.")),
      queued_(registry.gauge("millwright_workers_queue_jobs", "Jobs that wait now.")),
      high_water_(registry.gauge("millwright_workers_queue_high_water_jobs",
                                 "Most jobs that ever waited.")) {}

void WorkersMetrics::update(const Workers& workers) {
    WorkersCounters now = workers.counters();
    catch_up(done_, now.done);
    catch_up(refused_, now.refused);
    queued_.set(static_cast<double>(now.queued));
    high_water_.set(static_cast<double>(now.high_water));
}

}  // namespace mw
