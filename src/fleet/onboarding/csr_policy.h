#pragma once
// What a device may ask for. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "fleet/onboarding/gateway.h"
#include "platform/crypto/crypto.h"
#include "protocols/est/est.h"

namespace mw::onboarding {

inline constexpr int rsa_bits_max = 4096;

// Which keys a group takes: its spec's `keys`, the one it likes best first.
class KeyPolicy {
 public:
    KeyPolicy();  // P-256, P-384, Ed25519, RSA of 2048 bits or more
    // invalid_input: a word that is no kind of key; the registry's schema keeps them out.
    static Result<KeyPolicy> from_spec(const Json& spec);
    // invalid_input: too weak, too strong, or of a kind that is not among them.
    Result<> check(const crypto::Csr& csr) const;
    const est::KeyWish& best() const { return wishes_.front(); }
    // What the hub makes for a request (RFC 7030 4.4): RSA for who shows an RSA key, else the best.
    Result<est::KeyWish> wish_for(const crypto::Csr& csr) const;

 private:
    const est::KeyWish* find(crypto::KeyKind kind) const;
    Error unwanted(const std::string& what) const;
    std::vector<est::KeyWish> wishes_;  // never empty
};

// denied: the request names somebody else, asks to be an authority, for a use or an extension that
// device certificates do not have. Names in it are only compared: the certificate carries ours.
// invalid_input: the subject has too many parts.
// A gateway may ask for what its certificate will have anyway.
Result<> check_request(const crypto::Csr& csr, std::string_view device,
                       const Gateway& gateway = {});

}  // namespace mw::onboarding
