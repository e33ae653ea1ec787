#pragma once
// What a device may ask for. Pure.

#include <string_view>

#include "platform/crypto/crypto.h"

namespace mw::onboarding {

// invalid_input: the key is too weak or of a kind we do not take. denied: the request names
// somebody else, or asks to be an authority. Names in it are only compared: the certificate carries
// ours.
Result<> check_request(const crypto::Csr& csr, std::string_view device, int rsa_bits_min);

}  // namespace mw::onboarding
