#include <algorithm>
#include <array>

#include "trust/jwt/jwt.h"
#include "trust/jwt/strict.h"

namespace mw::jwt {
namespace {

constexpr std::size_t name_max = 256;           // of kid, typ and sub
constexpr double seconds_max = 4'102'444'800.;  // 2100-01-01: no clock of ours is past it

Error no_entry(std::string_view why) { return Error{Errc::denied, "JWT: " + std::string(why)}; }

// An attacker's text in a message: short and printable.
std::string quoted(std::string_view text) {
    std::string safe{"'"};
    for (const char c : text.substr(0, 60)) safe += c >= 0x20 && c < 0x7f ? c : '?';
    return safe + (text.size() > 60 ? "...'" : "'");
}

struct Parts {
    std::string_view header, payload, signature, signed_text;
};

Result<Parts> split_token(std::string_view token) {
    if (token.size() > token_bytes_max) return no_entry("longer than 16 KiB");
    const auto dots = std::count(token.begin(), token.end(), '.');
    if (dots == 4) return no_entry("is encrypted (JWE); only signed tokens are taken");
    if (dots != 2) return no_entry("want three parts with dots between them");
    const auto first = token.find('.'), second = token.find('.', first + 1);
    Parts parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
                token.substr(second + 1), token.substr(0, second)};
    if (parts.header.empty() || parts.payload.empty() || parts.signature.empty())
        return no_entry("a part is empty; tokens without a signature are never taken");
    if (parts.header.size() > header_bytes_max) return no_entry("the header is over 2 KiB");
    return parts;
}

Result<JsonObject> part_as_object(std::string_view part, std::string_view what) {
    auto bytes = strict_base64url(part);
    if (!bytes) return no_entry(std::string(what) + ": " + bytes.error().message);
    auto object = strict_object(text_of(*bytes));
    if (!object) return no_entry(std::string(what) + ": " + object.error().message);
    return object;
}

struct Header {
    Algorithm algorithm;
    std::optional<std::string> key_id;
};

Result<Algorithm> algorithm_of(const JsonObject& header) {
    const auto* value = header.if_contains("alg");
    const auto* name = value ? value->if_string() : nullptr;
    if (!name) return no_entry("the header has no 'alg'");
    for (const auto a :
         {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::es384, Algorithm::eddsa})
        if (std::string_view{*name} == to_string(a)) return a;
    return no_entry("the algorithm " + quoted(*name) +
                    " is not taken; have the issuer sign with RS256, PS256, ES256, ES384 or EdDSA");
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return low(x) == low(y); });
}

Result<> check_type(const JsonObject& header, const Expectation& wanted) {
    const auto* value = header.if_contains("typ");
    if (!value) return {};
    const auto* text = value->if_string();
    if (!text) return no_entry("'typ' is not a string");
    std::string_view type{*text};
    constexpr std::string_view media = "application/";
    if (type.size() > media.size() && same_ignoring_case(type.substr(0, media.size()), media))
        type.remove_prefix(media.size());
    for (const auto& known : wanted.types)
        if (same_ignoring_case(type, known)) return {};
    return no_entry("'typ' is " + quoted(type) + ", which is another kind of token");
}

// "jwk", "jku", "x5u", "x5c" are not looked at: a token doesn't say by whom it is trusted.
Result<Header> read_header(std::string_view part, const Expectation& wanted) {
    TRY(auto header, part_as_object(part, "header"));
    TRY(auto algorithm, algorithm_of(header));
    TRY_VOID(check_type(header, wanted));
    if (header.contains("crit") || header.contains("b64"))
        return no_entry("the header asks for extensions ('crit', 'b64') that we don't have");
    if (header.contains("cty")) return no_entry("is a token inside a token ('cty')");
    Header read{algorithm, {}};
    if (const auto* id = header.if_contains("kid")) {
        const auto* text = id->if_string();
        if (!text || !is_plain(std::string_view{*text}, name_max))
            return no_entry("'kid' is not a printable string of at most 256 bytes");
        read.key_id = std::string{std::string_view{*text}};
    }
    return read;
}

Result<const Key*> choose_key(const KeySet& set, const Header& header) {
    if (!header.key_id) {
        // Guessing among several keys would let a token try them all.
        if (set.keys().size() == 1 && set.keys()[0].fits(header.algorithm)) return &set.keys()[0];
        return no_entry("has no 'kid', and the issuer has not just one key that fits");
    }
    bool known = false;
    for (const auto& key : set.keys()) {
        if (key.id.empty() || key.id != *header.key_id) continue;
        if (key.fits(header.algorithm)) return &key;
        known = true;
    }
    if (known)
        return no_entry("the key " + quoted(*header.key_id) + " is not one for " +
                        std::string(to_string(header.algorithm)));
    return Error{Errc::not_found,
                 "JWT: the issuer's keys have none with the id " + quoted(*header.key_id)};
}

bool signed_by(const Key& key, Algorithm algorithm, ByteView text, ByteView signature) {
    switch (algorithm) {
        case Algorithm::rs256:
        case Algorithm::eddsa:
            return key.key.verify(text, signature);
        case Algorithm::ps256:
            return key.key.verify_pss(text, signature);
        case Algorithm::es256:
        case Algorithm::es384:
            return key.key.verify_flat(text, signature);
    }
    return false;
}

Result<std::optional<Timestamp>> moment(const JsonObject& claims, std::string_view name) {
    const auto* value = claims.if_contains(name);
    if (!value) return std::optional<Timestamp>{};
    const double number = value->is_number() ? value->to_number<double>() : -1;
    if (!(number >= 0 && number <= seconds_max))
        return no_entry("'" + std::string(name) + "' is not a number of seconds from 1970 to 2100");
    return std::optional{Timestamp{static_cast<std::int64_t>(number * 1e3) * 1'000'000}};
}

Result<Timestamp> check_times(const JsonObject& claims, const Expectation& wanted, Timestamp now) {
    TRY(const auto expires, moment(claims, "exp"));
    TRY(const auto begins, moment(claims, "nbf"));
    TRY(const auto issued, moment(claims, "iat"));
    if (!expires) return no_entry("never expires ('exp' is missing)");
    if (*expires + wanted.leeway <= now)
        return no_entry("expired at " + to_iso8601(*expires) + "; log in again");
    if (begins && *begins > now + wanted.leeway)
        return no_entry("is not valid before " + to_iso8601(*begins) + "; compare the clocks");
    if (issued && *issued > now + wanted.leeway)
        return no_entry("was issued in the future; compare the clocks");
    if (*expires > now + wanted.remaining_max + wanted.leeway)
        return no_entry("lasts too long (until " + to_iso8601(*expires) +
                        "); have the issuer give shorter ones");
    return *expires;
}

Result<> check_audience(const JsonObject& claims, const Expectation& wanted) {
    const auto ours = [&](const Json& name) {
        const auto* text = name.if_string();
        return text && std::find(wanted.audiences.begin(), wanted.audiences.end(),
                                 std::string_view{*text}) != wanted.audiences.end();
    };
    const auto* audience = claims.if_contains("aud");
    if (!audience) return no_entry("is for nobody ('aud' is missing)");
    if (ours(*audience)) return {};
    const auto* list = audience->if_array();
    if (list && std::any_of(list->begin(), list->end(), ours)) return {};
    return no_entry("is for somebody else ('aud' is " + quoted(to_json(*audience)) + ")");
}

Result<Claims> judge(JsonObject claims, const Expectation& wanted, Timestamp now) {
    const auto* issuer = claims.if_contains("iss");
    if (!issuer || !issuer->is_string() || std::string_view{issuer->get_string()} != wanted.issuer)
        return no_entry("'iss' is not " + quoted(wanted.issuer));
    TRY_VOID(check_audience(claims, wanted));
    TRY(const auto expires, check_times(claims, wanted, now));
    const auto* subject = claims.if_contains("sub");
    const auto* name = subject ? subject->if_string() : nullptr;
    if (!name || !is_plain(std::string_view{*name}, name_max))
        return no_entry("'sub' is not a printable string of at most 256 bytes");
    std::string who{std::string_view{*name}};
    return Claims{std::move(who), expires, Json(std::move(claims))};
}

}  // namespace

Result<Claims> verify(std::string_view token, const KeySet& keys, const Expectation& wanted,
                      Timestamp now) {
    ASSERT(!wanted.issuer.empty() && !wanted.audiences.empty());
    TRY(const auto parts, split_token(token));
    TRY(const auto header, read_header(parts.header, wanted));
    auto signature = strict_base64url(parts.signature);
    if (!signature) return no_entry("signature: " + signature.error().message);
    TRY(const auto* key, choose_key(keys, header));
    // Claims are not even parsed before their author is known.
    if (!signed_by(*key, header.algorithm, bytes_of(parts.signed_text), *signature))
        return no_entry("the signature is wrong");
    TRY(auto claims, part_as_object(parts.payload, "claims"));
    return judge(std::move(claims), wanted, now);
}

bool looks_like_jwt(std::string_view token) {
    return token.starts_with("ey") && std::count(token.begin(), token.end(), '.') == 2;
}

const Json* find_claim(const Json& claims, std::string_view name) {
    const auto* object = claims.if_object();
    if (!object) return nullptr;
    if (const auto* exact = object->if_contains(name)) return exact;
    return find(claims, name);
}

std::vector<std::string> words_of(const Json& claim) {
    std::vector<std::string> words;
    if (const auto* text = claim.if_string()) {
        std::string_view rest{*text};
        while (!rest.empty()) {
            const auto end = std::min(rest.find(' '), rest.size());
            if (end > 0) words.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    if (const auto* list = claim.if_array()) {
        for (const auto& part : *list) {
            const auto* text = part.if_string();
            if (!text) return {};
            words.emplace_back(std::string_view{*text});
        }
    }
    return words;
}

}  // namespace mw::jwt
