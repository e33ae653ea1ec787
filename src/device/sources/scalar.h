#pragma once
// One value or time as local sources write it: in a cell, a line or a body. Pure functions.

#include <optional>
#include <string>
#include <string_view>

#include "domain/point.h"

namespace mw::sources {

struct Scalar {
    double value = 0;
    Quality quality = Quality::good();
    ValueType type = ValueType::number;
    std::string_view text = {};                // if the type is text
    std::optional<std::int64_t> integer = {};  // if no double says it
};

Scalar integer_scalar(std::int64_t integer);
// 21.5, true, false; null is a point whose value is not a number.
std::optional<Scalar> scalar_of(std::string_view text);
Result<> add_point(Batch& batch, std::string signal, const std::string& unit, Timestamp time,
                   Scalar scalar);

// ns, us, ms or s; empty: ns.
Result<std::int64_t> time_unit_of(std::string_view unit, const std::string& place);
Result<Timestamp> checked_time(Timestamp time);  // from 1970 to 2261
Result<Timestamp> time_of_number(double number, std::int64_t unit_ns);
// An ISO 8601 text, or a number of units since 1970.
Result<Timestamp> time_of(std::string_view text, std::int64_t unit_ns);

}  // namespace mw::sources
