#pragma once
// Bearer tokens that somebody else signed: JWT (RFC 7519) as JWS in compact form (RFC 7515), with
// keys from a JWK set (RFC 7517), judged after RFC 8725. Pure values and functions for any thread;
// no I/O, and nothing that a token says makes anybody fetch anything. RS256, PS256, ES256, ES384
// and EdDSA with Ed25519; never "none", never a shared secret.
// Limits: a token 16 KiB, its header 2 KiB; a set 256 KiB and 100 keys; JSON 16 levels deep.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "platform/crypto/crypto.h"

namespace mw::jwt {

inline constexpr std::size_t token_bytes_max = 16 * 1024;
inline constexpr std::size_t header_bytes_max = 2 * 1024;
inline constexpr std::size_t set_bytes_max = 256 * 1024;
inline constexpr std::size_t set_keys_max = 100;

enum class Algorithm : std::uint8_t { rs256, ps256, es256, es384, eddsa };
std::string_view to_string(Algorithm algorithm);

struct Key {
    std::string id;                      // "kid"; empty where the set gives none
    std::optional<Algorithm> algorithm;  // "alg": the only one that the key is for
    crypto::PublicKey key;
    bool fits(Algorithm wanted) const;  // by the key's kind, and by "alg"
};

// What an issuer publishes. Keys that we can't use (secrets, other curves, encryption) are passed
// over, as RFC 7517 5 wants; a set without any that we can is refused.
class KeySet {
 public:
    static Result<KeySet> from_json(std::string_view text);
    const std::vector<Key>& keys() const { return keys_; }
    std::size_t passed_over() const { return passed_over_; }

 private:
    std::vector<Key> keys_;
    std::size_t passed_over_ = 0;
};

struct Expectation {
    std::string issuer;                  // "iss", letter by letter
    std::vector<std::string> audiences;  // "aud" has to name one of these
    nanoseconds leeway = seconds(60);    // for clocks that differ
    // Nobody can call a JWT back: one that ends later than this from now is refused.
    nanoseconds remaining_max = hours(24);
    // "typ" where it is given; "application/" may stand in front (RFC 7515 4.1.9).
    std::vector<std::string> types = {"JWT", "at+jwt"};
};

struct Claims {
    std::string subject;  // "sub"
    Timestamp expires;
    Json all;  // the whole payload; its signature has been verified
};

// not_found: no key has this id, so ask the issuer for its newest set, then try again.
// denied: everything else; the message is for a log and for whoever configures the issuer.
Result<Claims> verify(std::string_view token, const KeySet& keys, const Expectation& wanted,
                      Timestamp now);

// Whether it looks like one (three parts): which of our doors it goes to. Says nothing of trust.
bool looks_like_jwt(std::string_view token);

// A claim by its very name ("https://acme.example/roles"), else along dots ("realm_access.roles").
const Json* find_claim(const Json& claims, std::string_view name);
// A list of strings, or one string with spaces between words as "scope" has; else nothing.
std::vector<std::string> words_of(const Json& claim);

}  // namespace mw::jwt
