#pragma once
// A snippet is a window that somebody should look at, with the raw points around it; an Event is
// what a person said about it (docs/formats/edge-labels.md). Plain data and their JSON.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "domain/decision.h"

namespace mw::edge_labels {

// Of all signals together: what a phone draws in one go and a message may carry.
constexpr std::size_t snippet_points_max = 6'000;
constexpr std::size_t snippet_signals_max = 16;

struct Trace {  // one signal
    std::string signal;
    std::vector<Timestamp> times;
    std::vector<double> values;
    bool thinned = false;  // of each stretch only the lowest and the highest were kept
    bool operator==(const Trace&) const = default;
};

struct Snippet {
    std::string id;  // of device, model and window: the same window has one
    std::string device;
    std::string asset;
    std::string model;
    std::string version;
    Timestamp window_from, window_to;
    double score = 0;
    double raise_at = 0;  // the score at which the model alarms
    bool decision = false;
    std::string why;                    // alarm, unsure, rule
    std::map<std::string, bool> votes;  // of the rules that had something to say
    std::vector<Trace> traces;
    bool operator==(const Snippet&) const = default;
};

std::string snippet_id(const Decision& decision);
Json to_json(const Snippet& snippet);

// At most `most` points of a trace, with its extremes; the same bytes for the same points.
Trace thin(const Trace& trace, std::size_t most);

// The answer as it goes to the hub on label/{model}.
struct Event {
    std::string id;      // once per answer: a repeated one is known by it
    std::string author;  // who answered, in the gateway's words: "shift-a"
    bool label = false;
    std::optional<double> confidence;
    Timestamp labelled_at;
};
// Two lines of JSON: the answer, and the snippet as it was kept.
std::string message_of(const Event& event, std::string_view snippet);

}  // namespace mw::edge_labels
