#pragma once
// JSON for the control plane: Boost.JSON's value under our name, with checked access.
// The data plane decodes with simdjson (protocols/payload) and never builds these.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mw {

using Json = boost::json::value;
using JsonObject = boost::json::object;
using JsonArray = boost::json::array;

// Errors name line and column. At most 64 levels deep.
Result<Json> parse_json(std::string_view text);
std::string to_json(const Json& value);         // compact
std::string to_pretty_json(const Json& value);  // two spaces, keys in their order

// YAML 1.2 by yaml-cpp as JSON: plain scalars that look like numbers, booleans or null become
// those; quoted ones stay strings. One element per document. Errors name line and column.
Result<JsonArray> parse_yaml(std::string_view text);
std::string to_yaml(const Json& value);

// Follows dotted keys ("spec.source.path"); null where any is missing.
const Json* find(const Json& value, std::string_view dotted_path);
std::optional<std::string> find_string(const Json& value, std::string_view dotted_path);
std::optional<double> find_number(const Json& value,
                                  std::string_view dotted_path);  // any number kind
std::optional<std::int64_t> find_integer(const Json& value, std::string_view dotted_path);
std::optional<bool> find_bool(const Json& value, std::string_view dotted_path);
// The string there, or an error that names the path.
Result<std::string> want_string(const Json& value, std::string_view dotted_path);
void set(Json& value, std::string_view dotted_path, Json part);  // makes objects on the way

}  // namespace mw
