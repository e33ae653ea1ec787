#pragma once
// Identities are types. Id<Tag> is a name that can't be mixed up with another kind's.

#include <compare>
#include <functional>
#include <string>

#include "base/random.h"

namespace mw {

template <class Tag>
struct Id {
    std::string text;
    auto operator<=>(const Id&) const = default;
    bool empty() const { return text.empty(); }
};

// 26 characters, sorted by time (milliseconds), 80 random bits: the ULID text form.
std::string make_ulid(std::int64_t unix_ms, Random& random);

}  // namespace mw

template <class Tag>
struct std::hash<mw::Id<Tag>> {
    std::size_t operator()(const mw::Id<Tag>& id) const {
        return std::hash<std::string>{}(id.text);
    }
};
