#pragma once
// For tests: an issuer with a key of each kind, and tokens with whatever header and claims.

#include <string>

#include "trust/jwt/jwt.h"

namespace mw::jwt::samples {

inline constexpr Timestamp now{1'790'000'000'000'000'000};
inline constexpr auto issuer_name = "https://issuer.example";

inline std::string header(const std::string& algorithm, const std::string& kid,
                          const std::string& more = "") {
    return R"({"alg":")" + algorithm + R"(","kid":")" + kid + "\"" + more + "}";
}

// "exp" in a minute, for the audience "hub". `more` is put in front: ",\"x\":1".
inline std::string claims(const std::string& more = "") {
    return R"({"iss":"https://issuer.example","aud":"hub","sub":"ada","exp":1790000060)" + more +
           "}";
}

inline Expectation wanted() { return {issuer_name, {"hub", "other-hub"}}; }

// The two numbers of an ECDSA signature in DER, each in `size` bytes.
inline Bytes flat(const Bytes& der, std::size_t size) {
    Bytes both;
    std::size_t at = 2;
    for (int number = 0; number < 2; ++number) {
        std::size_t length = der.at(at + 1), from = at + 2;
        at = from + length;
        while (length > size) ++from, --length;
        both.insert(both.end(), size - length, 0);
        both.insert(both.end(), der.begin() + static_cast<long>(from),
                    der.begin() + static_cast<long>(at));
    }
    return both;
}

struct Issuer {
    crypto::PrivateKey rsa = *crypto::PrivateKey::generate(crypto::KeyKind::rsa);
    crypto::PrivateKey p256 = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    crypto::PrivateKey p384 = *crypto::PrivateKey::generate(crypto::KeyKind::p384);
    crypto::PrivateKey ed25519 = *crypto::PrivateKey::generate(crypto::KeyKind::ed25519);

    static std::string point(const crypto::PrivateKey& key, std::size_t size) {
        const ByteView end = ByteView{key.public_key().spki()}.last(2 * size);
        return R"("x":")" + to_base64url(end.first(size)) + R"(","y":")" +
               to_base64url(end.last(size)) + "\"";
    }
    // RSA of 2048 bits: the SPKI ends with the modulus, and 02 03 01 00 01.
    std::string modulus() const {
        const ByteView spki{rsa.public_key().spki()};
        return to_base64url(spki.subspan(spki.size() - 5 - 256, 256));
    }
    std::string rsa_jwk(const std::string& kid, const std::string& more = "") const {
        return R"({"kty":"RSA","e":"AQAB","kid":")" + kid + R"(","n":")" + modulus() + "\"" + more +
               "}";
    }
    std::string ed25519_jwk(const std::string& kid, const std::string& more = "") const {
        return R"({"kty":"OKP","crv":"Ed25519","kid":")" + kid + R"(","x":")" +
               to_base64url(ByteView{ed25519.public_key().spki()}.last(32)) + "\"" + more + "}";
    }
    std::string p256_jwk(const std::string& kid) const {
        return R"({"kty":"EC","crv":"P-256","kid":")" + kid + "\"," + point(p256, 32) + "}";
    }
    std::string set() const {
        return R"({"keys":[)" + rsa_jwk("r") + "," + p256_jwk("p") +
               R"(,{"kty":"EC","crv":"P-384","kid":"q",)" + point(p384, 48) + "}," +
               ed25519_jwk("e") + R"(,{"kty":"oct","kid":"o","k":"c2VjcmV0"}]})";
    }
    KeySet keys() const { return *KeySet::from_json(set()); }

    static std::string unsigned_text(const std::string& header, const std::string& claims) {
        return to_base64url(bytes_of(header)) + "." + to_base64url(bytes_of(claims));
    }
    // Signed as the key signs by itself: RS256, ES256, ES384 or EdDSA.
    static std::string token(const crypto::PrivateKey& key, const std::string& header,
                             const std::string& claims) {
        const auto text = unsigned_text(header, claims);
        auto signature = *key.sign(bytes_of(text));
        if (key.kind() == crypto::KeyKind::p256) signature = flat(signature, 32);
        if (key.kind() == crypto::KeyKind::p384) signature = flat(signature, 48);
        return text + "." + to_base64url(signature);
    }
    // What is usual: Ed25519.
    std::string usual(const std::string& more_claims = "",
                      const std::string& more_header = "") const {
        return token(ed25519, header("EdDSA", "e", more_header), claims(more_claims));
    }
};

inline const Issuer& issuer() {
    static const Issuer one;
    return one;
}

}  // namespace mw::jwt::samples
