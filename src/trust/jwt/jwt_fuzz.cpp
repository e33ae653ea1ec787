// Tokens and key sets come from strangers. The first byte chooses the reader. A token that nobody
// signed must never pass, and one that the issuer signed only with the claims that we want.

#include <cstdlib>

#include "trust/jwt/jwt.h"

namespace {

using namespace mw;

struct Issuer {
    crypto::PrivateKey key = *crypto::PrivateKey::generate(crypto::KeyKind::ed25519);
    jwt::KeySet keys = *jwt::KeySet::from_json(
        R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":")" +
        to_base64url(ByteView{key.public_key().spki()}.last(32)) + R"("}]})");

    std::string signed_token(std::string_view header, std::string_view claims) const {
        auto token = to_base64url(bytes_of(header)) + "." + to_base64url(bytes_of(claims));
        const auto signature = *key.sign(bytes_of(token));
        return token + "." + to_base64url(signature);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const Issuer issuer;
    static const jwt::Expectation wanted{"https://issuer.example", {"hub"}};
    constexpr Timestamp now{1'790'000'000'000'000'000};
    if (size == 0) return 0;
    const auto text = text_of({bytes + 1, size - 1});
    if (bytes[0] % 4 == 0) {
        const auto set = jwt::KeySet::from_json(text);
        if (set && set->keys().empty()) std::abort();
    } else if (bytes[0] % 4 == 1) {
        if (jwt::verify(text, issuer.keys, wanted, now)) std::abort();
    } else if (bytes[0] % 4 == 2) {
        const auto token = issuer.signed_token(R"({"alg":"EdDSA","kid":"a"})", text);
        const auto claims = jwt::verify(token, issuer.keys, wanted, now);
        if (!claims) return 0;
        const auto* iss = jwt::find_claim(claims->all, "iss");
        if (!iss || *iss != wanted.issuer.c_str() || claims->subject.empty()) std::abort();
        if (claims->expires + wanted.leeway <= now) std::abort();
    } else {
        const auto token = issuer.signed_token(
            text, R"({"iss":"https://issuer.example","aud":"hub","sub":"x","exp":1790000060})");
        const auto claims = jwt::verify(token, issuer.keys, wanted, now);
        if (claims && text.find("EdDSA") == text.npos && text.find('\\') == text.npos) std::abort();
    }
    return 0;
}
