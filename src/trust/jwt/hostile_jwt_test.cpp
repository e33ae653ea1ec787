#include <gtest/gtest.h>

#include "trust/jwt/jwt_samples.h"

namespace mw::jwt {
namespace {

using samples::claims;
using samples::header;
using samples::Issuer;
using samples::issuer;
using samples::now;
using samples::wanted;

struct Hostile {
    std::string what;
    std::string token;
    std::string says;  // part of the message
    Errc code = Errc::denied;
};

std::string with_claims(const std::string& text) {
    return Issuer::token(issuer().ed25519, header("EdDSA", "e"), text);
}

std::string with_header(const std::string& text) {
    return Issuer::token(issuer().ed25519, text, claims());
}

// HMAC with the public key as its secret, in each form in which it is published.
std::string hmac_token(std::string_view secret, const std::string& kid) {
    const auto text = Issuer::unsigned_text(header("HS256", kid), claims());
    const auto mac = crypto::hmac_sha256(bytes_of(secret), bytes_of(text));
    return text + "." + to_base64url(mac);
}

std::vector<Hostile> confused_algorithms() {
    const auto& i = issuer();
    const auto none = [](const std::string& name) {
        return Issuer::unsigned_text(header(name, "e"), claims());
    };
    const auto spki = i.rsa.public_key().spki();
    return {
        {"none, no signature", none("none") + ".", "a part is empty"},
        {"none, with one", none("none") + ".AAAA", "'none' is not taken"},
        {"NoNe", none("NoNe") + ".AAAA", "'NoNe' is not taken"},
        {"HMAC with the public key in DER", hmac_token(text_of(spki), "r"), "'HS256' is not taken"},
        {"HMAC with the modulus as text", hmac_token(i.modulus(), "r"), "'HS256' is not taken"},
        {"HMAC with the shared secret of the set", hmac_token("secret", "o"),
         "'HS256' is not taken"},
        {"the set's shared secret as EdDSA", with_header(header("EdDSA", "o")), "have none",
         Errc::not_found},
        {"ES256 named for an RSA key", Issuer::token(i.p256, header("ES256", "r"), claims()),
         "is not one for ES256"},
        {"RS256 named for a P-256 key", Issuer::token(i.rsa, header("RS256", "p"), claims()),
         "is not one for RS256"},
        {"ES384 named for a P-256 key", Issuer::token(i.p384, header("ES384", "p"), claims()),
         "is not one for ES384"},
        {"PS256 signed as RS256", Issuer::token(i.rsa, header("PS256", "r"), claims()),
         "signature is wrong"},
        {"RS512", Issuer::token(i.rsa, header("RS512", "r"), claims()), "'RS512' is not taken"},
        {"ES256K", Issuer::token(i.p256, header("ES256K", "p"), claims()), "'ES256K' is not taken"},
        {"algorithm in lower case", with_header(header("eddsa", "e")), "'eddsa' is not taken"},
        {"algorithm missing", with_header(R"({"kid":"e"})"), "no 'alg'"},
        {"algorithm a list", with_header(R"({"alg":["EdDSA"],"kid":"e"})"), "no 'alg'"},
        {"algorithm with a null byte", with_header(R"({"alg":"EdDSA\u0000","kid":"e"})"),
         "'EdDSA?' is not taken"},
    };
}

std::vector<Hostile> wrong_claims() {
    const auto& i = issuer();
    const auto of = [](const char* iss, const char* aud, const char* exp) {
        return with_claims(std::string("{\"iss\":") + iss + ",\"aud\":" + aud +
                           ",\"sub\":\"ada\",\"exp\":" + exp + "}");
    };
    const auto* iss = "\"https://issuer.example\"";
    const auto* late = "1790000060";
    const auto subject = [](const char* sub) {
        return with_claims(std::string(R"({"iss":"https://issuer.example","aud":"hub",)") +
                           "\"exp\":1790000060,\"sub\":" + sub + "}");
    };
    return {
        {"another issuer", of("\"https://evil.example\"", "\"hub\"", late), "'iss' is not"},
        {"issuer with a slash", of("\"https://issuer.example/\"", "\"hub\"", late), "'iss' is not"},
        {"issuer in capitals", of("\"https://ISSUER.example\"", "\"hub\"", late), "'iss' is not"},
        {"issuer a list", of("[\"https://issuer.example\"]", "\"hub\"", late), "'iss' is not"},
        {"issuer with a null byte", of(R"("https://issuer.example\u0000")", "\"hub\"", late),
         "'iss' is not"},
        {"another audience", of(iss, "\"shop\"", late), "for somebody else"},
        {"audience that begins as ours", of(iss, "\"hub2\"", late), "for somebody else"},
        {"audience in a list in a list", of(iss, "[[\"hub\"]]", late), "for somebody else"},
        {"audience empty", of(iss, "[]", late), "for somebody else"},
        {"audience null", of(iss, "null", late), "for somebody else"},
        {"no audience",
         with_claims(R"({"iss":"https://issuer.example","sub":"ada","exp":1790000060})"),
         "for nobody"},
        {"expired by the leeway", of(iss, "\"hub\"", "1789999940"), "expired at 2026-09-"},
        {"expiry in text", of(iss, "\"hub\"", "\"1790000060\""), "'exp' is not a number"},
        {"expiry beyond any clock", of(iss, "\"hub\"", "1e300"), "'exp' is not a number"},
        {"expiry before 1970", of(iss, "\"hub\"", "-1"), "'exp' is not a number"},
        {"expiry null", of(iss, "\"hub\"", "null"), "'exp' is not a number"},
        {"no expiry", with_claims(R"({"iss":"https://issuer.example","aud":"hub","sub":"ada"})"),
         "never expires"},
        {"lasts for years", of(iss, "\"hub\"", "1990000000"), "lasts too long"},
        {"not yet valid", i.usual(R"(,"nbf":1790000061)"), "not valid before"},
        {"not-before in text", i.usual(R"(,"nbf":"0")"), "'nbf' is not a number"},
        {"issued in the future", i.usual(R"(,"iat":1790000061)"), "issued in the future"},
        {"no subject",
         with_claims(R"({"iss":"https://issuer.example","aud":"hub","exp":1790000060})"),
         "'sub' is not"},
        {"subject empty", subject("\"\""), "'sub' is not"},
        {"subject with a null byte", subject(R"("ada\u0000admin")"), "'sub' is not"},
        {"subject with a line break", subject(R"("ada\nadmin")"), "'sub' is not"},
        {"subject a number", subject("7"), "'sub' is not"},
        {"subject twice", i.usual(R"(,"sub":"admin")"), "a member stands twice"},
        {"subject twice, once escaped", i.usual(R"(,"s\u0075b":"admin")"), "stands twice"},
        {"member twice, deep inside", i.usual(R"(,"a":[{"b":1,"b":2}])"), "stands twice"},
        {"claims a list", with_claims("[]"), "not an object"},
        {"claims empty", with_claims(""), "a part is empty"},
        {"claims not JSON", with_claims("{'iss':1}"), "claims: JSON"},
        {"claims with more behind", with_claims(claims() + "{}"), "claims: JSON"},
        {"claims not UTF-8", i.usual(",\"x\":\"\xff\xfe\""), "claims: JSON"},
        {"claims nested deep", i.usual(",\"x\":" + std::string(5000, '[') + std::string(5000, ']')),
         "levels deep"},
    };
}

std::vector<Hostile> wrong_headers() {
    const auto long_kid = std::string(257, 'k');
    const auto more = [](const std::string& text) { return issuer().usual("", text); };
    return {
        {"unknown key", with_header(header("EdDSA", "z")), "have none with the id 'z'",
         Errc::not_found},
        {"key by traversal", with_header(header("EdDSA", "../../dev/null")), "have none",
         Errc::not_found},
        {"key by SQL", with_header(header("EdDSA", "e' OR '1'='1")), "have none", Errc::not_found},
        {"key id empty", with_header(header("EdDSA", "")), "'kid' is not"},
        {"key id with a null byte", with_header(header("EdDSA", "e\\u0000")), "'kid' is not"},
        {"key id a number", with_header(R"({"alg":"EdDSA","kid":7})"), "'kid' is not"},
        {"key id long", with_header(header("EdDSA", long_kid)), "'kid' is not"},
        {"key id twice", more(R"(,"kid":"p")"), "stands twice"},
        {"algorithm twice", more(R"(,"alg":"none")"), "stands twice"},
        {"no key id, several keys", with_header(R"({"alg":"EdDSA"})"), "has no 'kid'"},
        {"critical extension", more(R"(,"crit":["exp"])"), "asks for extensions"},
        {"payload not encoded", more(R"(,"b64":false)"), "asks for extensions"},
        {"a token inside", more(R"(,"cty":"JWT")"), "a token inside a token"},
        {"logout token", more(R"(,"typ":"logout+jwt")"), "another kind of token"},
        {"type a number", more(R"(,"typ":1)"), "'typ' is not a string"},
        {"header long", more(",\"x\":\"" + std::string(2000, 'x') + "\""), "over 2 KiB"},
    };
}

std::vector<Hostile> wrong_texts() {
    const auto good = issuer().usual();
    const auto second = good.find('.') + 1, third = good.rfind('.') + 1;
    auto payload = good, signature = good, trailing = good;
    payload[second + 4] = payload[second + 4] == 'A' ? 'B' : 'A';
    signature[third] = signature[third] == 'A' ? 'B' : 'A';
    trailing.back() = trailing.back() == 'A' ? 'B' : static_cast<char>(trailing.back() + 1);
    auto swapped = good.substr(0, second) +
                   to_base64url(bytes_of(claims(R"(,"roles":["admin"])"))) + good.substr(third - 1);
    const auto inner = R"({"alg":"EdDSA","kid":"e"})";
    const auto p256 = Issuer::token(issuer().p256, header("ES256", "p"), claims());
    const auto p256_text = Issuer::unsigned_text(header("ES256", "p"), claims());
    const auto p256_der = *issuer().p256.sign(bytes_of(p256_text));
    return {
        {"empty", "", "three parts"},
        {"one part", "ey", "three parts"},
        {"dots alone", "..", "a part is empty"},
        {"four parts", good + ".AAAA", "three parts"},
        {"encrypted", "e30.AA.AA.AA.AA", "is encrypted"},
        {"a token as payload", Issuer::token(issuer().ed25519, inner, good), "claims: JSON"},
        {"claims changed", payload, "signature is wrong"},
        {"claims exchanged", swapped, "signature is wrong"},
        {"signature changed", signature, "signature is wrong"},
        {"signature cut", good.substr(0, good.size() - 2), "signature is wrong"},
        {"signature longer", good + "AAAA", "signature is wrong"},
        {"signature with bits left over", trailing, "signature: base64url"},
        {"signature padded", good + "==", "signature: not base64url"},
        {"signature with a line break", good + "\n", "signature: not base64url"},
        {"signature in the other alphabet", good.substr(0, third) + "+/" + good.substr(third + 2),
         "signature: not base64url"},
        {"space in front", " " + good, "header: not base64url"},
        {"null byte inside", good.substr(0, 9) + std::string(1, '\0') + good.substr(10),
         "header: not base64url"},
        {"null byte behind", good + std::string(1, '\0'), "signature: not base64url"},
        {"oversize", issuer().usual(",\"x\":\"" + std::string(16'000, 'x') + "\""),
         "longer than 16 KiB"},
        {"ECDSA signature in DER", p256_text + "." + to_base64url(p256_der), "signature is wrong"},
        {"ECDSA signature of zeros", p256_text + "." + to_base64url(Bytes(64, 0)),
         "signature is wrong"},
        {"ECDSA signature a byte longer", p256 + "AA", "signature"},
        {"signature of another token",
         Issuer::unsigned_text(header("EdDSA", "e"), claims()) + "." +
             issuer().usual(R"(,"a":1)").substr(issuer().usual(R"(,"a":1)").rfind('.') + 1),
         "signature is wrong"},
    };
}

TEST(Jwt, hostile_tokens_are_each_refused_with_the_reason) {
    const auto keys = issuer().keys();
    ASSERT_TRUE(verify(issuer().usual(), keys, wanted(), now).ok())
        << "the table would say nothing";
    std::size_t rows = 0;
    for (const auto& table :
         {confused_algorithms(), wrong_claims(), wrong_headers(), wrong_texts()}) {
        for (const auto& row : table) {
            ++rows;
            const auto read = verify(row.token, keys, wanted(), now);
            ASSERT_FALSE(read.ok()) << row.what;
            EXPECT_EQ(to_string(read.error().code), to_string(row.code)) << row.what;
            EXPECT_NE(read.error().message.find(row.says), std::string::npos)
                << row.what << ": " << read.error().message;
            EXPECT_LT(read.error().message.size(), 220u) << row.what;
        }
    }
    EXPECT_GE(rows, 90u);
}

TEST(Jwt, altered_anywhere_is_refused) {
    const auto keys = issuer().keys();
    const auto good = issuer().usual();
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto altered = good;
        altered[at] = altered[at] == 'A' ? 'B' : 'A';
        if (altered == good) continue;
        EXPECT_FALSE(verify(altered, keys, wanted(), now).ok()) << at;
    }
}

TEST(KeySet, hostile_sets_are_refused_and_odd_keys_passed_over) {
    const auto& i = issuer();
    const auto good = i.ed25519_jwk("e");
    std::string many;
    for (int n = 0; n < 101; ++n) many += (n ? "," : "") + i.ed25519_jwk("k" + std::to_string(n));
    struct Row {
        std::string text, says;
    };
    for (const auto& row :
         {Row{"", "JSON"}, Row{"[]", "not an object"}, Row{"{}", "no list 'keys'"},
          Row{R"({"keys":{}})", "no list"}, Row{R"({"keys":[]})", "no key for signatures"},
          Row{R"({"keys":[],"keys":[)" + good + "]}", "stands twice"},
          Row{R"({"keys":[)" + many + "]}", "more than 100"},
          Row{R"({"keys":[)" + good + "," + good + "]}", "two keys of one kind"},
          Row{std::string(300'000, ' '), "larger than 256 KiB"}}) {
        const auto set = KeySet::from_json(row.text);
        ASSERT_FALSE(set.ok()) << row.says;
        EXPECT_NE(set.error().message.find(row.says), std::string::npos) << set.error().message;
    }
    const auto point = Issuer::point(i.p256, 32);
    auto off_curve = point;
    off_curve[6] = off_curve[6] == 'A' ? 'B' : 'A';
    for (const auto& odd :
         {std::string("7"), std::string(R"({"kty":"oct","k":"AAAA"})"),
          std::string(R"({"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"})"),
          std::string(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})"),  // a short modulus
          R"({"kty":"RSA","e":"Aw","n":")" + i.modulus() + R"("})",
          R"({"kty":"EC","crv":"P-256",)" + off_curve + "}",
          R"({"kty":"EC","crv":"P-384",)" + point + "}", i.ed25519_jwk("f", R"(,"use":"enc")"),
          i.ed25519_jwk("f", R"(,"key_ops":["sign"])"), i.ed25519_jwk("f", R"(,"alg":"RS256")"),
          i.ed25519_jwk("f", R"(,"alg":"HS256")"), i.ed25519_jwk("f", R"(,"d":"AAAA")"),
          i.ed25519_jwk(std::string(300, 'k'))}) {
        const auto set = KeySet::from_json(R"({"keys":[)" + odd + "," + good + "]}");
        ASSERT_TRUE(set.ok()) << odd << set.error().message;
        EXPECT_EQ(set->keys().size(), 1u) << odd;
        EXPECT_EQ(set->passed_over(), 1u) << odd;
    }
}

// "alg" of a key: an RSA key for PS256 takes no RS256.
TEST(KeySet, the_algorithm_that_a_key_names_is_the_only_one) {
    const auto& i = issuer();
    const auto set = KeySet::from_json(R"({"keys":[)" + i.rsa_jwk("r", R"(,"alg":"PS256")") + "]}");
    ASSERT_TRUE(set.ok()) << set.error().message;
    const auto read =
        verify(Issuer::token(i.rsa, header("RS256", "r"), claims()), *set, wanted(), now);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().message, "JWT: the key 'r' is not one for RS256");
}

}  // namespace
}  // namespace mw::jwt
