#pragma once
// What a device profile declares about its signals, as the engine reads it. Immutable once shared.

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "domain/value.h"
#include "platform/pattern/pattern.h"

namespace mw::quality {

// A zero duration, a zero k and an infinite bound mean: not judged.
struct SignalRules {
    std::string unit = {};  // empty: any
    double min = -std::numeric_limits<double>::infinity();
    double max = std::numeric_limits<double>::infinity();
    double max_rate = std::numeric_limits<double>::infinity();  // per second
    nanoseconds stuck_after{0};
    double spike = 0;  // robust deviations
    double noise = 0;  // how many times more, or less, it may tremble than it used to
    std::vector<double> values = {};      // those it may have; empty: any
    std::optional<ValueType> type = {};   // what values must be; mixed and none are no types here
    std::vector<std::string> texts = {};  // those it may have; empty: any
    std::optional<Pattern> pattern = {};  // that a text matches as a whole
    bool counter = false;                 // never falls, but to start anew
    double wraps_at = 0;                  // the counter's modulus; 0: it has none
    nanoseconds every{0};
    nanoseconds late_after{0};

    bool wants_numbers() const;  // a text is of another type
    bool wants_texts() const;    // a number is
};

struct RuleSet {
    std::string profile;  // empty: the device has none
    // Where any are declared, others are undeclared.
    std::unordered_map<std::string, SignalRules> signals;
    SignalRules others;                         // for what is not declared
    nanoseconds ahead_tolerance = seconds{10};  // event time may lead the hub's clock by this much
};
using Rules = std::shared_ptr<const RuleSet>;

// For a device without a profile: order, numbers and clock are judged, nothing else.
Rules default_rules();

// From a DeviceProfile's spec. Errors name the path: "spec.signals[2].min: must be a number".
Result<Rules> rules_from_profile(std::string_view name, const Json& spec);
// One element of spec.signals: what rules_from_profile() reads again.
Json signal_spec(std::string_view name, const SignalRules& rules);

}  // namespace mw::quality
