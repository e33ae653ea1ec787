#pragma once
// Private to this module: PEM (RFC 7468).

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace mw::crypto::pem {

// The DER of every block with that label; other blocks and text between blocks are skipped.
constexpr std::size_t text_bytes_max = std::size_t{1} << 20;
Result<std::vector<Bytes>> decode(std::string_view text, std::string_view label,
                                  std::size_t text_most = text_bytes_max);
std::string encode(ByteView der, std::string_view label);

}  // namespace mw::crypto::pem
