#include <algorithm>
#include <array>

#include "trust/jwt/jwt.h"
#include "trust/jwt/strict.h"

namespace mw::jwt {
namespace {

constexpr std::size_t key_id_max = 256;

// The text there; "" where there is none or it is something else.
std::string_view jwk_text(const JsonObject& jwk, std::string_view name) {
    const auto* value = jwk.if_contains(name);
    const auto* text = value ? value->if_string() : nullptr;
    return text ? std::string_view{*text} : std::string_view{};
}

Result<crypto::PublicKey> key_of(const JsonObject& jwk) {
    const auto type = jwk_text(jwk, "kty"), curve = jwk_text(jwk, "crv");
    if (type == "RSA") {
        TRY(auto n, strict_base64url(jwk_text(jwk, "n")));
        TRY(auto e, strict_base64url(jwk_text(jwk, "e")));
        return crypto::PublicKey::from_rsa(n, e);
    }
    if (type == "EC" && (curve == "P-256" || curve == "P-384")) {
        TRY(auto x, strict_base64url(jwk_text(jwk, "x")));
        TRY(auto y, strict_base64url(jwk_text(jwk, "y")));
        const auto kind = curve == "P-256" ? crypto::KeyKind::p256 : crypto::KeyKind::p384;
        return crypto::PublicKey::from_point(kind, x, y);
    }
    if (type == "OKP" && curve == "Ed25519") {
        TRY(auto x, strict_base64url(jwk_text(jwk, "x")));
        return crypto::PublicKey::from_ed25519(x);
    }
    return Error{Errc::invalid_input, "a kind of key that we don't use"};
}

std::optional<Algorithm> algorithm_called(std::string_view name) {
    for (const auto a :
         {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::es384, Algorithm::eddsa})
        if (to_string(a) == name) return a;
    return {};
}

bool is_for_signatures(const JsonObject& jwk) {
    if (const auto* use = jwk.if_contains("use"); use && *use != "sig") return false;
    const auto* deeds = jwk.if_contains("key_ops");
    if (!deeds) return true;
    const auto* list = deeds->if_array();
    return list && std::any_of(list->begin(), list->end(),
                               [](const Json& deed) { return deed == "verify"; });
}

Result<Key> usable_key(const Json& entry) {
    const auto* jwk = entry.if_object();
    if (!jwk) return Error{Errc::invalid_input, "not an object"};
    if (!is_for_signatures(*jwk)) return Error{Errc::invalid_input, "not for signatures"};
    // A private key that is published protects nobody.
    if (jwk->contains("d")) return Error{Errc::invalid_input, "a private key"};
    TRY(auto key, key_of(*jwk));
    Key usable{std::string(jwk_text(*jwk, "kid")), {}, std::move(key)};
    if (jwk->contains("kid") && !is_plain(usable.id, key_id_max))
        return Error{Errc::invalid_input, "an odd key id"};
    if (jwk->contains("alg")) {
        usable.algorithm = algorithm_called(jwk_text(*jwk, "alg"));
        if (!usable.algorithm || !usable.fits(*usable.algorithm))
            return Error{Errc::invalid_input, "an algorithm that we don't use with this key"};
    }
    return usable;
}

}  // namespace

std::string_view to_string(Algorithm algorithm) {
    static constexpr std::array<std::string_view, 5> names = {"RS256", "PS256", "ES256", "ES384",
                                                              "EdDSA"};
    return names[static_cast<std::size_t>(algorithm)];
}

bool Key::fits(Algorithm wanted) const {
    if (algorithm && *algorithm != wanted) return false;
    switch (wanted) {
        case Algorithm::rs256:
        case Algorithm::ps256:
            return key.kind() == crypto::KeyKind::rsa;
        case Algorithm::es256:
            return key.kind() == crypto::KeyKind::p256;
        case Algorithm::es384:
            return key.kind() == crypto::KeyKind::p384;
        case Algorithm::eddsa:
            return key.kind() == crypto::KeyKind::ed25519;
    }
    return false;
}

Result<KeySet> KeySet::from_json(std::string_view text) {
    const auto wrong = [](std::string_view what) {
        return Error{Errc::invalid_input, "key set (JWKS): " + std::string(what)};
    };
    if (text.size() > set_bytes_max) return wrong("larger than 256 KiB");
    auto read = strict_object(text);
    if (!read) return std::move(read).error().context("key set (JWKS)");
    const auto* entries = read->if_contains("keys");
    const auto* list = entries ? entries->if_array() : nullptr;
    if (!list) return wrong("has no list 'keys'");
    if (list->size() > set_keys_max) return wrong("has more than 100 keys");
    KeySet set;
    for (const auto& entry : *list) {
        auto key = usable_key(entry);
        if (!key) {
            ++set.passed_over_;
            continue;
        }
        for (const auto& before : set.keys_)
            if (before.id == key->id && before.key.kind() == key->key.kind())
                return wrong("two keys of one kind have the id '" + key->id + "'");
        set.keys_.push_back(*std::move(key));
    }
    if (set.keys_.empty())
        return wrong(
            "has no key for signatures that we can use (RSA from 2048 bits, P-256, P-384, "
            "Ed25519)");
    return set;
}

}  // namespace mw::jwt
