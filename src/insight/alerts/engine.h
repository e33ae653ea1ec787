#pragma once
// ok -> pending -> raised -> held -> clearing -> cleared, per rule and device (README.md has the
// table). Idempotent: a decision at or before a machine's cursor changes nothing.

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "insight/alerts/alarm.h"
#include "insight/alerts/alarm_log.h"
#include "insight/alerts/rule.h"

namespace mw::alerts {

struct Options {
    std::size_t tracks_max = 200'000;   // machines; decisions that would need more are counted
    std::size_t cleared_kept = 10'000;  // cleared alarms kept for lists, the newest
};

struct AlarmFilter {
    std::string device = {};  // empty: all
    std::string rule = {};
    bool open_only = false;
    std::size_t limit = 500;
};

class Engine {
 public:
    explicit Engine(Options options = {});

    // A new rule starts at ok; a changed one keeps its machines unless it names another model.
    // What they and forget_device() clear comes back.
    std::vector<Alarm> set_rule(AlertRule rule);
    std::vector<Alarm> remove_rule(const std::string& name);
    const std::map<std::string, AlertRule>& rules() const { return rules_; }
    std::vector<Alarm> forget_device(const std::string& device);

    // Feeds every rule that names the model and selects the device. Returns the alarms that were
    // raised, went to held or clearing or back, or were cleared.
    std::vector<Alarm> observe(const Decision& decision, const Labels& device_labels);

    // Where to resume reading a device's decisions: the oldest cursor of its machines, if any.
    std::optional<Timestamp> cursor(const std::string& device) const;

    std::vector<Alarm> alarms(const AlarmFilter& filter) const;  // newest first
    const Alarm* find(const std::string& id) const;
    std::size_t open_alarms() const { return alarms_.size() - cleared_.size(); }
    std::size_t tracks() const { return tracks_.size(); }

    // What moved since the last call, for the log. A track in state ok with cursor 0 is gone.
    AlarmRecord take_moved();
    // At start, before the first rule is set.
    void restore(AlarmRecord record);

    std::uint64_t ignored_decisions() const { return ignored_; }  // at or before a cursor
    std::uint64_t refused_decisions() const { return refused_; }  // tracks_max was reached

 private:
    using Key = std::pair<std::string, std::string>;  // device, rule
    enum class Evidence { positive, weak, negative, none };

    static Evidence evidence_of(const AlertRule& rule, const Decision& decision);
    void step(const AlertRule& rule, Track& track, const Decision& decision);
    void step_without_alarm(const AlertRule& rule, Track& track, const Decision& decision,
                            Evidence evidence);
    void step_with_alarm(const AlertRule& rule, Track& track, const Decision& decision,
                         Evidence evidence);
    void raise(const AlertRule& rule, Track& track, const Decision& decision);
    void clear(Track& track, std::string_view by);
    void go(Track& track, Alarm& alarm, State state);
    void drop(std::map<Key, Track>::iterator at, std::string_view by);
    void keep_newest_cleared();
    std::vector<Alarm> take_changed();

    Options options_;
    std::map<std::string, AlertRule> rules_;
    std::map<Key, Track> tracks_;
    std::map<std::string, Alarm> alarms_;  // by id, so by time
    std::deque<std::string> cleared_;      // ids, in the order of clearing
    std::vector<std::string> changed_;     // ids, during one call
    std::set<Key> moved_;
    std::set<std::string> moved_alarms_;
    std::uint64_t ignored_ = 0;
    std::uint64_t refused_ = 0;
};

}  // namespace mw::alerts
