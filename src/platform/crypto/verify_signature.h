#pragma once
// Private to this module: verification with the digest that a signature names.

#include "platform/crypto/key.h"

namespace mw::crypto {

// The handle of a key, for this module alone.
const KeyHandle& handle_of(const PublicKey& key);

// An ECDSA signature as r and s of the same length, as X.509 wants it: DER.
Bytes signature_from_flat(ByteView flat);

// digest null: the key kind's own (Ed25519).
bool verify_signature(const KeyHandle& key, const char* digest, ByteView message,
                      ByteView signature);

}  // namespace mw::crypto
