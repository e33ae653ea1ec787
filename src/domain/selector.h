#pragma once
// Selectors choose resources by label ("site=north,tier!=test,spare,!retired") or by field
// ("spec.asset=pump-1,domain=plant"). Pure values; at most 16 terms of at most 256 bytes each.

#include <string>
#include <string_view>
#include <vector>

#include "domain/resource.h"

namespace mw {

struct SelectorTerm {
    enum class Test { equal, not_equal, exists, absent } test = Test::equal;
    std::string key;    // a label, or a dotted path
    std::string value;  // text; numbers and booleans as JSON writes them
};
using Selector = std::vector<SelectorTerm>;  // all terms must hold; empty chooses everything

// Errors: invalid_input with the position in the text and what was expected.
Result<Selector> parse_label_selector(std::string_view text);
// Fields: name, domain, and dotted keys under spec and status; only = and !=.
Result<Selector> parse_field_selector(std::string_view text);

// A label that is missing is "not equal" to every value; so is a missing field.
bool matches_labels(const Selector& selector, const std::map<std::string, std::string>& labels);
bool matches_fields(const Selector& selector, const Resource& resource);

}  // namespace mw
