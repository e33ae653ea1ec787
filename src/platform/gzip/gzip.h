#pragma once
// Bodies that clients have compressed. Pure; the output has a limit, so that a small body can't
// become a large one. Takes time: call it on Workers.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mw::gzip {

// A gzip file of one or more members (RFC 1952). invalid_input: broken, cut off, or more than
// `most` bytes.
Result<std::string> unpack(std::string_view packed, std::size_t most);
// For clients and tests.
std::string pack(std::string_view text);

}  // namespace mw::gzip
