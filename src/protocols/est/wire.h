#pragma once
// RFC 7030: where the operations are (3.2.2) and how DER travels (base64 lines, RFC 8951 2.1).

#include <string_view>

namespace mw::est {

constexpr std::string_view base_path = "/.well-known/est";
constexpr int base64_columns = 64;

}  // namespace mw::est
