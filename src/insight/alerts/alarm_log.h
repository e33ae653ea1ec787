#pragma once
// The seam to where alarms survive a restart (data/alarms implements it). Control loop.

#include <vector>

#include "insight/alerts/alarm.h"
#include "platform/loop/loop.h"

namespace mw::alerts {

// What is written together. A later alarm of the same id, and a later track of the same rule and
// device, replaces the earlier one; a track in state ok with cursor 0 takes it away.
struct AlarmRecord {
    std::vector<Alarm> alarms;
    std::vector<Track> tracks;
    bool empty() const { return alarms.empty() && tracks.empty(); }
};

class AlarmLog {
 public:
    virtual ~AlarmLog() = default;
    // Everything written so far, latest state of each; once, at start.
    virtual Task<AlarmRecord> load() = 0;
    // Durable when it returns.
    virtual Task<> append(AlarmRecord record) = 0;
};

}  // namespace mw::alerts
