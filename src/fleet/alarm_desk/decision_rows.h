#pragma once
// Decisions out of history by SQL, and back from the rows of the reply. Pure.

#include <string>
#include <vector>

#include "domain/decision.h"

namespace mw::alarm_desk {

struct DecisionRange {
    std::string device;
    std::string model;  // empty: all
    Timestamp after;    // window_to above this one ...
    Timestamp through;  // ... and at most this one; 0: no bound
    std::size_t limit = 5000;
};
std::string decisions_sql(const DecisionRange& range);
// Of a JSON reply to decisions_sql().
Result<std::vector<Decision>> decisions_from_reply(const Json& reply);

}  // namespace mw::alarm_desk
