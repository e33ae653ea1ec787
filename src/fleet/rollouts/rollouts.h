#pragma once
// Brings versions to devices in waves: a few first, judged against the rest, and back by itself
// when they do worse. Belongs to the control loop; one task per rollout that has not ended. All it
// needs to go on is in Rollout.status and in the Devices, so it may be stopped at any instant.
// Limits: 50 waves; about 100 bytes a device and rollout; 128 device writes in flight.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "domain/resource_store.h"
#include "fleet/rollouts/admission.h"
#include "fleet/rollouts/machine.h"
#include "fleet/rollouts/next_step.h"
#include "fleet/rollouts/observations.h"
#include "fleet/rollouts/plan.h"
#include "fleet/rollouts/sql_observations.h"
#include "platform/loop/loop.h"

namespace mw::rollouts {

struct Options {
    nanoseconds heartbeat = seconds{5};     // looks around at least so often
    nanoseconds settle = milliseconds{20};  // what comes together is looked at once
    nanoseconds report_every = seconds{1};  // counts are written at most so often
    std::size_t batch = 2'000;              // devices changed before guardrails are asked again
};

struct Parts {
    Loop& loop;
    ResourceStore& store;
    Observations& observations;
    metrics::Registry& metrics;
    // Whether the roles that must agree have agreed.
    std::function<Task<Consent>(Resource rollout, std::vector<std::string> roles)> consent;
    MayRollOut may_roll_out = want_validated;
};

class Rollouts {
 public:
    explicit Rollouts(Parts parts, Options options = {});
    ~Rollouts();

    Task<> start();  // reads rollouts, follows changes
    Task<> stop();
    // How often the device's agent has started, as it says; faster than its status.
    void on_boots(const std::string& device, std::int64_t boots);

    std::size_t active() const { return works_.size(); }
    std::size_t bytes() const;  // held per device, over all rollouts
    // The longest so far, in real time.
    struct Took {
        nanoseconds reading{0};   // all devices from the store, at the start or after a restart
        nanoseconds planning{0};  // a wave: order, count, decide, choose
    };
    Took took() const { return took_; }

 private:
    struct Work;
    using WorkPtr = std::shared_ptr<Work>;
    void on_change(const ResourceChange& change);
    void on_rollout(const ResourceChange& change);
    Task<> follow(WorkPtr work);
    Task<nanoseconds> step(WorkPtr work);
    Task<> prepare(WorkPtr work, std::string_view at);
    Task<Resource> artifact(WorkPtr work);
    Task<> read_devices(WorkPtr work);
    Task<Judgement> observe(WorkPtr work, Counts counts, Look look, Timestamp now);
    Task<nanoseconds> carry_out(WorkPtr work, Step step, Counts counts, Timestamp now);
    Task<> move(WorkPtr work, Step step, Counts counts, Timestamp now);
    Task<> change_devices(WorkPtr work, bool withdraw);
    Task<> report(WorkPtr work, Counts counts);
    Task<> tell_problem(WorkPtr work, std::string problem);

    Parts parts_;
    Options options_;
    metrics::Counter& waves_;
    metrics::Counter& rollbacks_;
    std::map<std::string, WorkPtr> works_;
    std::shared_ptr<void> subscription_;
    Took took_;
    Scope scope_;
};

}  // namespace mw::rollouts
