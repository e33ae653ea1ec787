#pragma once
// The alarm desk: runs the alert rules over decisions, keeps alarms durable, tells who listens, and
// answers why. Belongs to the control loop. A decision that did not arrive here live is read from
// history, so a restart or an overflow misses none. Limits: alerts::Options; 5,000 decisions a
// read.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/ingest/ingest.h"
#include "domain/query_engine.h"
#include "domain/resource_store.h"
#include "insight/alerts/alerts.h"
#include "insight/quality/quality.h"
#include "platform/loop/loop.h"

namespace mw::alarm_desk {

// Owned here: what quality saw on a device; lives on the data loop.
class FindingsSource {
 public:
    virtual ~FindingsSource() = default;
    virtual Task<std::vector<quality::Finding>> findings(std::string device, Timestamp from,
                                                         Timestamp to) = 0;
};

class AlarmDesk final : public alerts::WhySource {
 public:
    struct Parts {  // all outlive the desk
        Loop& loop;
        ResourceStore& store;
        alerts::AlarmLog& log;
        QueryEngine& queries;
        FindingsSource& findings;
    };
    explicit AlarmDesk(Parts parts);
    ~AlarmDesk() override;

    // Restores alarms and machines, reads the rules, catches up with stored decisions.
    Task<> start();
    Task<> stop();

    // Decisions as they come. Durable when it returns; then the listeners hear of it.
    Task<> consume(ingest::DecisionBox box);

    std::vector<alerts::Alarm> list(const alerts::AlarmFilter& filter) const;
    Task<Json> why(std::string id);
    using Listener = std::function<void(const alerts::Alarm&)>;
    std::shared_ptr<void> subscribe(Listener listener);

    // alerts::WhySource.
    Task<std::vector<Decision>> decisions(std::string device, std::string model, Timestamp from,
                                          Timestamp to, std::size_t limit) override;
    Task<Json> model_version(std::string model, std::string version) override;
    Task<Json> device(std::string name) override;
    Task<Json> quality_findings(std::string device, Timestamp from, Timestamp to) override;

 private:
    void on_change(const ResourceChange& change);
    Task<> read_all(std::string kind);
    Task<> catch_up(std::string device);
    Task<> settle(std::vector<alerts::Alarm> changed);
    void observe(const Decision& decision, std::vector<alerts::Alarm>& changed);

    Parts parts_;
    alerts::Engine engine_;
    std::map<std::string, alerts::Labels> labels_;  // of devices
    std::vector<std::weak_ptr<Listener>> listeners_;
    std::shared_ptr<void> subscription_;
    Scope scope_;
};

}  // namespace mw::alarm_desk
