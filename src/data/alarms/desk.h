#pragma once
// The alarm desk: takes decisions, moves the machines, tells the watchers, keeps the log. Decisions
// wait until catch_up() is done, so that none of them makes an older one, which a crash kept from
// the machines, look like old news.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "data/alarms/alarm_file.h"
#include "data/alarms/evidence.h"
#include "insight/alerts/alerts.h"

namespace mw::alarms {

struct DeskOptions {
    alerts::Options engine;
    nanoseconds checkpoint_every = seconds{5};  // for what moved without an alarm changing
    nanoseconds look_back = hours{1};           // at start, for devices that no machine knows
    std::size_t page = 2'000;                   // decisions read from history at a time
};

class AlarmDesk {
 public:
    struct Parts {  // all outlive the desk
        Loop& loop;
        alerts::AlarmLog& log;
        DecisionSource& decisions;
        alerts::WhySource& evidence;
        metrics::Registry& metrics;
    };
    AlarmDesk(DeskOptions options, Parts parts);
    ~AlarmDesk();  // after stop()

    // At start: what the log says. Then put devices and rules, then catch_up().
    Task<> restore();
    // Reads from history what the machines have not seen, and opens the desk.
    Task<> catch_up();

    void set_rule(alerts::AlertRule rule);
    void remove_rule(const std::string& name);
    void put_device(const std::string& name, alerts::Labels labels);
    void remove_device(const std::string& name);

    // Decisions as they are stored. missed: devices of which some are not among them, which are
    // then read from history.
    Task<> take(std::vector<Decision> decisions, std::set<std::string> missed);

    // As surface/api wants them. State "", "open", "raised" (any that is open) or "cleared".
    JsonArray list(std::string_view state, std::size_t limit) const;
    std::vector<alerts::Alarm> alarms(const alerts::AlarmFilter& filter) const {
        return engine_.alarms(filter);
    }
    Task<Json> why(std::string id);  // not_found
    // Called with every alarm that changes, until the subscription goes.
    using Listener = std::function<void(const Json& alarm)>;
    std::shared_ptr<void> subscribe(Listener listener);

    // Writes what has moved and ends.
    Task<> stop();

 private:
    Task<> keep_log();
    Task<> save();
    Task<> read_missed(std::string device, Timestamp after);
    void feed(const Decision& decision);
    void tell(const std::vector<alerts::Alarm>& changed);

    DeskOptions options_;
    Parts parts_;
    alerts::Engine engine_;
    std::map<std::string, alerts::Labels> devices_;
    std::map<std::uint64_t, Listener> listeners_;
    std::uint64_t next_listener_ = 1;
    std::shared_ptr<AlarmDesk*> self_;  // for subscriptions that outlive the desk
    alerts::AlarmRecord unsaved_;       // what the disk refused; written first the next time
    metrics::Counter& raised_;
    metrics::Counter& cleared_;
    metrics::Counter& log_failures_;
    metrics::Gauge& open_;
    Event changed_;
    Event caught_up_;
    Scope scope_;  // last: its task uses everything above
};

}  // namespace mw::alarms
