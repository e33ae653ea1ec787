#pragma once
// config.labels of a device's desired document (docs/formats/edge-labels.md). Plain data.

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace mw::edge_labels {

// A labelling function: in a window where the signal goes beyond the limit it votes for an event.
struct Rule {
    std::string name;
    std::string signal;
    std::optional<double> above, below;  // one of them

    bool hits(double value) const { return (above && value > *above) || (below && value < *below); }
};

struct Settings {
    nanoseconds before = seconds{60};  // event time kept ahead of a window, and behind it
    nanoseconds after = seconds{20};
    double unsure = 0.1;           // of raise_at: a score as near to it is a question
    nanoseconds gap = minutes{1};  // of event time between two events of a kind
    nanoseconds unsure_gap = minutes{10};
    std::vector<Rule> rules;
};
constexpr std::size_t rules_max = 32;

// Absent keys have their defaults; an unknown or impossible one is invalid_input with its path.
Result<Settings> settings_of(const Json& labels);

}  // namespace mw::edge_labels
