#pragma once
// How OpenSSL 3.0 comes from the bytes of an elliptic key to a key.

namespace mw::crypto {

// From now on this process reads and uses EC keys by OpenSSL's own methods without asking its
// providers for a decoder: of a client's certificate that took .2 ms of .75 ms of a TLS handshake
// (ADR 0027). Any thread, any number of times; before the first key, so that all go one way.
void use_ec_keys_directly();

}  // namespace mw::crypto
