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
    std::string device;  // empty: all
    std::string rule;
    bool open_only = false;
    std::size_t limit = 500;
};

class Engine {
 public:
    explicit Engine(Options options = {});

    // A new rule starts at ok; a changed one keeps its machines. Both return what changed.
    std::vector<Alarm> set_rule(AlertRule rule);
    std::vector<Alarm> remove_rule(const std::string& name);
    const std::map<std::string, AlertRule>& rules() const { return rules_; }
    void forget_device(const std::string& device);

    // Feeds every rule that selects the device and names the model. Returns the alarms that were
    // raised, went to held, clearing or back, or were cleared.
    std::vector<Alarm> observe(const Decision& decision, const Labels& device_labels);

    // Where to resume reading decisions of a device: the oldest cursor of its machines; 0 if none.
    Timestamp cursor(const std::string& device) const;

    std::vector<Alarm> alarms(const AlarmFilter& filter) const;  // newest first
    const Alarm* find(const std::string& id) const;

    // What a restart needs beside the alarms: machines that moved since the last call.
    std::vector<Track> take_moved();
    void restore(AlarmRecord record);

    std::uint64_t ignored_decisions() const { return ignored_; }  // at or before a cursor
    std::uint64_t refused_decisions() const { return refused_; }  // tracks_max was reached

 private:
    using Key = std::pair<std::string, std::string>;  // device, rule
    void step(const AlertRule& rule, Track& track, const Decision& decision,
              std::vector<Alarm>& changed);
    void on_positive(const AlertRule& rule, Track& track, const Decision& decision,
                     std::vector<Alarm>& changed);
    void on_negative(const AlertRule& rule, Track& track, const Decision& decision,
                     std::vector<Alarm>& changed);
    void raise(const AlertRule& rule, Track& track, const Decision& decision,
               std::vector<Alarm>& changed);
    void clear(Track& track, Timestamp at, std::string_view by, std::vector<Alarm>& changed);
    void keep_newest_cleared();

    Options options_;
    std::map<std::string, AlertRule> rules_;
    std::map<Key, Track> tracks_;
    std::map<std::string, Alarm> alarms_;  // by id, so by time
    std::deque<std::string> cleared_;      // ids, oldest first
    std::set<Key> moved_;
    std::uint64_t ignored_ = 0;
    std::uint64_t refused_ = 0;
};

}  // namespace mw::alerts
