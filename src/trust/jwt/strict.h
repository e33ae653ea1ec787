#pragma once
// Private to this module: text that can be read in one way only.

#include <string_view>

#include "base/bytes.h"
#include "base/json.h"

namespace mw::jwt {

// base64url without padding, white space, or bits that say nothing (RFC 7515 2).
Result<Bytes> strict_base64url(std::string_view text);

// A JSON object (RFC 8259) in UTF-8 in which no object has a member twice, at most 16 levels deep.
Result<JsonObject> strict_object(std::string_view text);

// Printable, not empty, at most `most` bytes: what may be compared, logged and shown.
bool is_plain(std::string_view text, std::size_t most);

}  // namespace mw::jwt
