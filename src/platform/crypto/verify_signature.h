#pragma once
// Private to this module: verification with the digest that a signature names.

#include "platform/crypto/key.h"

namespace mw::crypto {

// digest null: the key kind's own (Ed25519).
// The handle of a key, for this module alone.
const KeyHandle& handle_of(const PublicKey& key);

bool verify_signature(const KeyHandle& key, const char* digest, ByteView message,
                      ByteView signature);

}  // namespace mw::crypto
