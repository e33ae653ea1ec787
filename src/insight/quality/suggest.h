#pragma once
// Rules from what a signal did: for whoever declares it and does not know its limits. Every check
// that the history itself would have failed often is left out, and said so.

#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "insight/quality/rules.h"

namespace mw::quality {

struct Suggestion {
    SignalRules rules;               // late_after is the site's to say
    std::vector<std::string> words;  // why a check was left out
};

// times ascend; values are numbers, one each. Fewer than 200 points suggest nothing.
Suggestion suggest(std::span<const Timestamp> times, std::span<const double> values);

}  // namespace mw::quality
