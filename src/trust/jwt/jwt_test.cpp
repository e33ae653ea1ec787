#include "trust/jwt/jwt.h"

#include <gtest/gtest.h>

#include "platform/crypto/crypto_samples.h"
#include "trust/jwt/jwt_samples.h"

namespace mw::jwt {
namespace {

using samples::claims;
using samples::header;
using samples::Issuer;
using samples::issuer;
using samples::now;
using samples::wanted;

TEST(Jwt, of_every_algorithm_is_taken_with_the_key_that_fits) {
    const auto keys = issuer().keys();
    EXPECT_EQ(keys.keys().size(), 4u);
    EXPECT_EQ(keys.passed_over(), 1u) << "the shared secret";
    struct Row {
        const crypto::PrivateKey& key;
        const char *algorithm, *kid;
    };
    for (const auto& row :
         {Row{issuer().rsa, "RS256", "r"}, Row{issuer().p256, "ES256", "p"},
          Row{issuer().p384, "ES384", "q"}, Row{issuer().ed25519, "EdDSA", "e"}}) {
        const auto token =
            Issuer::token(row.key, header(row.algorithm, row.kid), claims(R"(,"roles":["a","b"])"));
        const auto read = verify(token, keys, wanted(), now);
        ASSERT_TRUE(read.ok()) << row.algorithm << ": " << read.error().message;
        EXPECT_EQ(read->subject, "ada");
        EXPECT_EQ(read->expires, now + seconds(60));
        EXPECT_EQ(words_of(*find_claim(read->all, "roles")), (std::vector<std::string>{"a", "b"}));
    }
}

TEST(Jwt, signed_by_the_openssl_program_is_taken) {
    crypto::samples::Folder folder;
    struct Row {
        const char *algorithm, *kid, *options;
        const crypto::PrivateKey& key;
    };
    const auto pss = "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32";
    for (const auto& row :
         {Row{"PS256", "r", pss, issuer().rsa}, Row{"RS256", "r", "-sha256", issuer().rsa},
          Row{"ES256", "p", "-sha256", issuer().p256},
          Row{"ES384", "q", "-sha384", issuer().p384}}) {
        const auto text = Issuer::unsigned_text(header(row.algorithm, row.kid), claims());
        folder.write("k.pem", row.key.to_pem());
        folder.write("m", text);
        ASSERT_EQ(folder.run("openssl dgst " + std::string(row.options) + " -sign k.pem -out s m"),
                  "");
        const auto written = folder.read("s");
        Bytes signature(bytes_of(written).begin(), bytes_of(written).end());
        if (row.algorithm[0] == 'E')
            signature = samples::flat(signature, row.kid[0] == 'p' ? 32 : 48);
        const auto token = text + "." + to_base64url(signature);
        const auto read = verify(token, issuer().keys(), wanted(), now);
        EXPECT_TRUE(read.ok()) << row.algorithm << ": " << read.error().message;
    }
}

TEST(Jwt, pss_with_another_salt_and_pkcs1_are_not_taken_for_each_other) {
    crypto::samples::Folder folder;
    const auto text = Issuer::unsigned_text(header("PS256", "r"), claims());
    folder.write("k.pem", issuer().rsa.to_pem());
    folder.write("m", text);
    for (const auto* options : {"", "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:0"}) {
        folder.run("openssl dgst -sha256 " + std::string(options) + " -sign k.pem -out s m");
        const auto signature = folder.read("s");
        ASSERT_EQ(signature.size(), 256u);
        const auto read =
            verify(text + "." + to_base64url(bytes_of(signature)), issuer().keys(), wanted(), now);
        EXPECT_FALSE(read.ok()) << options;
    }
}

TEST(Jwt, what_an_issuer_may_vary_is_taken) {
    const auto& i = issuer();
    for (const auto& token :
         {i.usual(), i.usual(R"(,"nbf":1790000059)"), i.usual(R"(,"iat":1790000030.5)"),
          i.usual("", R"(,"typ":"at+jwt")"), i.usual("", R"(,"typ":"application/AT+JWT")"),
          i.usual("", R"(,"typ":"jwt")"),
          Issuer::token(i.ed25519, header("EdDSA", "e"),
                        R"({"iss":"https://issuer.example","aud":["x","other-hub"],"sub":"ada",)"
                        R"("exp":1789999941})")}) {
        const auto read = verify(token, i.keys(), wanted(), now);
        EXPECT_TRUE(read.ok()) << read.error().message;
    }
}

// A token says which key it means; that it also says where to find one is not looked at.
TEST(Jwt, keys_that_a_token_brings_along_are_ignored) {
    const auto& i = issuer();
    const auto stranger = *crypto::PrivateKey::generate(crypto::KeyKind::ed25519);
    const auto own = R"({"kty":"OKP","crv":"Ed25519","kid":"e","x":")" +
                     to_base64url(ByteView{stranger.public_key().spki()}.last(32)) + R"("})";
    for (const auto& more :
         {R"(,"jwk":)" + own, std::string(R"(,"jku":"https://evil.example/keys")"),
          std::string(R"(,"x5u":"http://169.254.169.254/")"), std::string(R"(,"x5c":["MIIB"])")}) {
        EXPECT_TRUE(verify(i.usual("", more), i.keys(), wanted(), now).ok()) << more;
        const auto forged = Issuer::token(stranger, header("EdDSA", "e", more), claims());
        const auto read = verify(forged, i.keys(), wanted(), now);
        ASSERT_FALSE(read.ok()) << more;
        EXPECT_EQ(read.error().message, "JWT: the signature is wrong");
    }
}

TEST(Jwt, without_a_key_id_is_taken_only_where_there_is_one_key) {
    const auto& i = issuer();
    const auto token = Issuer::token(i.ed25519, R"({"alg":"EdDSA"})", claims());
    const auto one = KeySet::from_json(R"({"keys":[)" + i.ed25519_jwk("e") + "]}");
    ASSERT_TRUE(one.ok());
    EXPECT_TRUE(verify(token, *one, wanted(), now).ok());
    EXPECT_FALSE(verify(token, i.keys(), wanted(), now).ok());
}

TEST(Jwt, claims_are_found_by_name_or_along_dots_and_words_are_split) {
    const auto all = *parse_json(
        R"({"https://a.example/roles":"x  y","realm":{"roles":["p"]},"odd":["p",1],"n":3})");
    EXPECT_EQ(words_of(*find_claim(all, "https://a.example/roles")),
              (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(words_of(*find_claim(all, "realm.roles")), (std::vector<std::string>{"p"}));
    EXPECT_TRUE(words_of(*find_claim(all, "odd")).empty());
    EXPECT_TRUE(words_of(*find_claim(all, "n")).empty());
    EXPECT_EQ(find_claim(all, "nothing.here"), nullptr);
    EXPECT_TRUE(looks_like_jwt(issuer().usual()));
    EXPECT_FALSE(looks_like_jwt("mwt_ada_secret"));
}

}  // namespace
}  // namespace mw::jwt
