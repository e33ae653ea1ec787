#pragma once
// Asks people about windows: decisions come in, some become LabelTasks, answers go to the label
// log. Belongs to the control loop. Limits: those of each Monitor (open_max, expire_after), and
// `waiting_max` tasks on their way into the store; what exceeds them is passed over and counted.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/state_table.h"
#include "data/label_log/label_log.h"
#include "domain/decision.h"
#include "domain/resource_store.h"
#include "fleet/labelling/choice.h"
#include "fleet/labelling/inbox.h"
#include "fleet/labelling/task.h"

namespace mw::labelling {

struct Options {
    std::size_t waiting_max = 1000;
    nanoseconds look_every = minutes{1};  // for tasks that have expired
};

struct Answer {
    std::optional<bool> event;  // none: skipped, nobody could tell
    std::optional<double> confidence{};
};
// {"label": true | false | "skip", "confidence": 0.8}
Result<Answer> answer_from(const Json& body);

// What settles a disagreement.
struct Ruling {
    bool event = false;
    std::string why;
};
// {"label": true | false, "why": "..."}
Result<Ruling> ruling_from(const Json& body);

class Labelling {
 public:
    // The score at which a version alarms; asked once per version.
    using Threshold = std::function<Task<double>(std::string model, std::string version)>;
    struct Parts {  // all outlive the object
        Loop& loop;
        ResourceStore& store;
        labels::LabelLog& log;
        Clock& clock;
        metrics::Registry& metrics;
        Threshold threshold;
    };
    explicit Labelling(Parts parts, Options options = {});
    ~Labelling();  // after stop()

    // Reads monitors, devices and tasks, and follows them.
    Task<> start();
    Task<> stop();

    // Decisions as they are stored. Quick; what is chosen is written in the background.
    void offer(const std::vector<Decision>& decisions);

    // Chosen and not yet in the store.
    std::size_t waiting() const { return pending_.size() + (writing_ ? 1 : 0); }

    // What a person says about a task: durable in the label log, then in the task's status.
    // conflict: it is not open to that; not_found; invalid_input.
    Task<Resource> answer(std::string task, Answer answer, std::string author);

    // What somebody at a gateway said: durable in the label log when it yields, once however often
    // it comes. A task that asks about the same window is answered by it. `snippet`: its blob.
    Task<> take(EdgeAnswer answer, std::string snippet);

    // Who settles a disagreement, and in which roles they and those who disagreed act.
    struct Judge {
        std::string author;
        std::vector<std::string> roles;
        std::function<std::vector<std::string>(const std::string& author)> roles_of;
    };
    // Supersedes the answers about the task's window. conflict: nobody disagrees; denied: the judge
    // answered too, or has no role that none of those who disagreed has.
    Task<Resource> adjudicate(std::string task, Ruling ruling, Judge judge);

 private:
    struct Watched {
        Monitor monitor;
        NearestShare nearest;
        std::set<std::string> open;              // tasks
        std::map<std::string, Timestamp> asked;  // per device: end of its last chosen window
    };
    struct Pending {
        std::string monitor;
        Resource task;
    };
    void on_change(const ResourceChange& change);
    void on_task(const Resource& task, bool gone);
    std::string use_case_of(const labels::Label& label) const;
    void offer(Watched& watched, const Decision& decision);
    double threshold_of(const Decision& decision);
    Task<> learn_threshold(std::string model, std::string version);
    Task<> write_tasks();
    Task<> expire_tasks();
    Task<> expire(std::string name);
    Task<> make_good();
    Task<> read_all(std::string kind);

    Parts parts_;
    Options options_;
    std::map<std::string, Watched> monitors_;
    std::map<std::string, std::map<std::string, std::string>> devices_;  // their labels
    std::map<std::string, double> thresholds_;                           // NaN: being asked
    std::map<std::string, Timestamp> closes_;  // open tasks: when they expire
    std::set<std::string> unfinished_;         // open at start although the log has an answer
    std::deque<Pending> pending_;
    bool writing_ = false;
    Event arrived_;
    metrics::Counter& asked_;
    metrics::Counter& passed_over_;
    std::shared_ptr<void> subscription_;
    Scope scope_;  // last: its tasks use everything above
};

}  // namespace mw::labelling
