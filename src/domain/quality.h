#pragma once
// The quality byte of a point: two bits good/uncertain/bad, six bits reason
// (docs/formats/quality.md). The upper two bits follow OPC UA: 192 is plain good, 64 plain
// uncertain, 0 plain bad.

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace mw {

enum class Reason : std::uint8_t {
    none = 0,
    range = 1,           // outside the signal's declared range
    rate_of_change = 2,  // faster than the declared limit
    stuck = 3,           // did not change for longer than declared
    spike = 4,           // a lone outlier against the robust recent level
    late = 5,            // arrived later than declared
    source_bad = 6,      // the source itself said bad
    source_uncertain = 7,
    not_a_number = 8,
    unit = 9,            // unit unknown or not convertible
    type = 10,           // not the declared type
    duplicate = 11,      // same series and time again, other value: the last one won
    clock = 12,          // event time ahead of the hub's clock by more than the tolerance
    undeclared = 13,     // the signal is not in the device's profile
    stale = 14,          // the last known value again: its source went away, or says that it is old
    historical = 15,     // good, and measured long before it was sent: the source said so
    counter_reset = 16,  // a counter fell: it started anew
    noise = 17,          // trembles more, or less, than it used to
    released = 18,       // good: was judged bad, and a person let it out of quarantine
    held = 19,           // bad: a person, or a breach of its contract, put it into quarantine
};

struct Quality {
    std::uint8_t code = 192;

    static constexpr Quality good() { return {192}; }
    static constexpr Quality good(Reason r) { return {std::uint8_t(192 | std::uint8_t(r))}; }
    static constexpr Quality uncertain(Reason r) { return {std::uint8_t(64 | std::uint8_t(r))}; }
    static constexpr Quality bad(Reason r) { return {std::uint8_t(r)}; }

    constexpr bool is_good() const { return code >= 192; }
    constexpr bool is_uncertain() const { return code >= 64 && code < 128; }
    constexpr bool is_bad() const { return code < 64; }
    constexpr Reason reason() const { return Reason(code & 63); }
    constexpr bool operator==(const Quality&) const = default;
};

// The worse of two; of two equally bad ones the first.
constexpr Quality worst(Quality a, Quality b) { return (b.code >> 6) < (a.code >> 6) ? b : a; }

std::string_view to_string(Reason reason);

}  // namespace mw
