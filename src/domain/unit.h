#pragma once
// Units of measure in UCUM's case sensitive codes ("m3/h", "kPa", "Cel", "kW.h", "[psi]"), with the
// spellings that machines send most instead ("°C", "m³/h", "kWh", "rpm"). Pure functions. Scales
// that are not linear (pH, dB) are not known. Source: The Unified Code for Units of Measure, 2.1,
// sections 2 and 4.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace mw {

struct Unit {
    // Exponents of metre, second, gram, radian, kelvin, coulomb, candela.
    std::array<std::int8_t, 7> dimension{};
    double factor = 1;  // of one of it in these
    double offset = 0;  // in it, of the base's zero: 273.15 for Cel

    bool operator==(const Unit&) const = default;
};

// invalid_input says what was not understood.
Result<Unit> parse_unit(std::string_view text);

// to = from * factor + offset.
struct Conversion {
    double factor = 1;
    double offset = 0;
    double divisor = 0;  // not 0: the factor is its inverse
    bool operator==(const Conversion&) const = default;
    // The doubles nearest to what decimal factors mean: divides where that is exact.
    double operator()(double value) const {
        return (divisor != 0 ? value / divisor : value * factor) + offset;
    }
};
// Nothing: they measure different things, or one of them is not a unit that is known.
std::optional<Conversion> conversion(std::string_view from, std::string_view to);

}  // namespace mw
