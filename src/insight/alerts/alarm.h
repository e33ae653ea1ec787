#pragma once
// An alarm and the machine behind it, as plain data with a JSON form (docs/formats/alarm.md).

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "domain/decision.h"

namespace mw::alerts {

// An alarm's life; `ok` and `pending` are a machine's states while there is no alarm.
enum class State : std::uint8_t { ok, pending, raised, held, clearing, cleared };
std::string_view to_string(State state);
Result<State> state_from(std::string_view text);

struct Window {
    Timestamp from;
    Timestamp to;
    bool operator==(const Window&) const = default;
};

struct Alarm {
    std::string id;  // a ULID made of rule, device and raising window: a replay gives the same
    std::string rule;
    std::string severity;
    std::string device;
    std::string asset;
    std::string model;
    std::string version;  // of the decision that raised it
    std::string bundle_hash;
    State state = State::raised;
    Timestamp raised_at;   // event time of the decision that raised it
    Timestamp cleared_at;  // of the one that cleared it; 0 while open
    Window first_window;   // of the first positive decision of the run that raised it
    Window last_window;    // of the last positive decision
    double peak_score = 0;
    std::uint64_t decisions = 0;  // positive ones, from the first
    std::string cleared_by;  // "decisions", or "rule", "device": it was removed or selects others

    bool is_open() const { return state != State::cleared; }
    bool operator==(const Alarm&) const = default;
};
Json to_json(const Alarm& alarm);
Result<Alarm> alarm_from_json(const Json& value);

// One machine: where it stands and which decision it saw last.
struct Track {
    std::string rule;
    std::string device;
    State state = State::ok;
    std::uint32_t count = 0;   // consecutive decisions, while pending or clearing
    Timestamp cursor = {};     // window_to of the last decision it saw
    std::string alarm = {};    // id of the open alarm
    Window first_window = {};  // while pending
    double peak_score = 0;     // while pending
    bool operator==(const Track&) const = default;
};
Json to_json(const Track& track);
Result<Track> track_from_json(const Json& value);

}  // namespace mw::alerts
