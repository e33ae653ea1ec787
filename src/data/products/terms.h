#pragma once
// The terms of a contract, each with the way in which a change of it is judged. Inside
// data/products only.

#include <optional>
#include <span>
#include <string_view>

#include "data/products/changes.h"

namespace mw::products {

enum class Judge {
    words,       // for people: any change is compatible
    fixed,       // readers count on this very value
    at_most,     // a bound from above, or an interval: larger promises less
    at_least,    // a bound from below: smaller promises less
    closed_set,  // the only possible values: more of them surprise readers
    flag,        // true promises something
    level,       // of classification: higher takes access away
    unknown,     // not ours: what it means isn't known here
};

struct Term {
    std::string_view key;
    Judge judge;
    std::string_view loss;  // why less of it breaks readers
};

// Scalars and sets; lists of objects and select are judged by name in changes.cpp.
std::span<const Term> product_terms();
std::span<const Term> sla_terms();
std::span<const Term> signal_terms();

// null stands for an absent value. No value: both mean the same.
struct Judgement {
    Effect effect;
    std::string why;
};
std::optional<Judgement> judge(const Term& term, const Json& from, const Json& to);

// public 0, internal 1, confidential 2, restricted 3; absent is internal.
int level_of(const Json& classification);

}  // namespace mw::products
