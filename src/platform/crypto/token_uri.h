#pragma once
// How a key in a token is named: "pkcs11:token=plant;object=issuing" (RFC 7512). Pure.

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace mw::crypto {

struct TokenUri {
    std::string token, manufacturer, model, serial;  // of the token; empty: any
    std::optional<unsigned long> slot;
    std::string object;  // the key's label
    Bytes id;            // and its CKA_ID; at least one of both
};

// invalid_input also when it has a PIN or a module: both are said elsewhere, the PIN in a file.
Result<TokenUri> token_uri_from(std::string_view text);

}  // namespace mw::crypto
