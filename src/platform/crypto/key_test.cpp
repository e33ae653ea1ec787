#include "platform/crypto/key.h"

#include <gtest/gtest.h>

#include "platform/crypto/crypto_samples.h"

namespace mw::crypto {
namespace {

using samples::Folder;

TEST(Key, signs_verifies_and_survives_pem) {
    for (auto kind : {KeyKind::p256, KeyKind::ed25519}) {
        auto key = *PrivateKey::generate(kind);
        EXPECT_EQ(key.kind(), kind);
        auto signature = *key.sign(bytes_of("message"));
        EXPECT_TRUE(key.public_key().verify(bytes_of("message"), signature));
        EXPECT_FALSE(key.public_key().verify(bytes_of("massage"), signature));
        auto again = PrivateKey::from_pem(key.to_pem());
        ASSERT_TRUE(again.ok()) << again.error().message;
        EXPECT_EQ(again->public_key().spki(), key.public_key().spki());
        auto published = PublicKey::from_spki(key.public_key().spki());
        ASSERT_TRUE(published.ok()) << published.error().message;
        EXPECT_TRUE(published->verify(bytes_of("message"), signature));
        EXPECT_EQ(published->bits(), 256);
    }
}

TEST(Key, altered_signatures_do_not_verify) {
    auto key = *PrivateKey::generate(KeyKind::p256);
    auto signature = *key.sign(bytes_of("m"));
    for (std::size_t i = 0; i < signature.size(); ++i) {
        auto altered = signature;
        altered[i] ^= 1;
        EXPECT_FALSE(key.public_key().verify(bytes_of("m"), altered)) << i;
    }
    EXPECT_FALSE(key.public_key().verify(bytes_of("m"), {}));
}

TEST(Key, points_off_the_curve_and_odd_spki_are_refused) {
    auto spki = PrivateKey::generate(KeyKind::p256)->public_key().spki();
    auto off_curve = spki;
    off_curve.back() ^= 1;
    EXPECT_FALSE(PublicKey::from_spki(off_curve).ok());
    auto longer = spki;
    longer.push_back(0);
    EXPECT_FALSE(PublicKey::from_spki(longer).ok());
    EXPECT_FALSE(PublicKey::from_spki({}).ok());
    EXPECT_FALSE(PublicKey::from_spki(ByteView{spki}.first(40)).ok());
}

TEST(Key, encrypted_or_foreign_pem_is_refused_without_asking_a_terminal) {
    Folder folder;
    folder.run(
        "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -aes256 "
        "-pass pass:secret -out k.pem");
    EXPECT_FALSE(PrivateKey::from_pem(folder.read("k.pem")).ok());
    EXPECT_FALSE(PrivateKey::from_pem("nonsense").ok());
    EXPECT_FALSE(PrivateKey::from_pem("").ok());
    EXPECT_EQ(PrivateKey::generate(KeyKind::rsa, 1024).error().code, Errc::invalid_input);
    EXPECT_EQ(PrivateKey::generate(KeyKind::rsa, 16384).error().code, Errc::invalid_input);
    EXPECT_EQ(PrivateKey::generate(KeyKind::other).error().code, Errc::invalid_input);
}

TEST(Key, openssl_reads_our_keys_and_verifies_our_signatures) {
    Folder folder;
    auto key = *PrivateKey::generate(KeyKind::p256);
    folder.write("key.pem", key.to_pem());
    folder.write("message", "hello");
    auto signature = *key.sign(bytes_of("hello"));
    folder.write("signature", text_of(signature));
    EXPECT_EQ(folder.run("openssl pkey -in key.pem -pubout -out public.pem && "
                         "openssl dgst -sha256 -verify public.pem -signature signature message"),
              "Verified OK\n");
    EXPECT_EQ(folder.run("openssl pkey -in key.pem -pubout -outform DER | openssl dgst -sha256 -r"),
              to_hex(key.public_key().pin()) + " *stdin\n");
}

TEST(Key, keys_made_by_openssl_are_read_and_their_signatures_verified) {
    Folder folder;
    struct Row {
        const char* make;
        KeyKind kind;
        int bits;
        const char* digest;
    };
    for (auto [make, kind, bits, digest] :
         {Row{"-algorithm rsa -pkeyopt rsa_keygen_bits:2048", KeyKind::rsa, 2048, "sha256"},
          Row{"-algorithm ec -pkeyopt ec_paramgen_curve:P-384", KeyKind::p384, 384, "sha384"}}) {
        folder.write("m", "hello");
        folder.run("openssl genpkey " + std::string(make) +
                   " -out k.pem && openssl pkey -in k.pem -pubout -outform DER -out p.der && "
                   "openssl dgst -" +
                   digest + " -sign k.pem -out s m");
        auto der = folder.read("p.der"), signature = folder.read("s");
        auto key = PublicKey::from_spki(bytes_of(der));
        ASSERT_TRUE(key.ok()) << key.error().message;
        EXPECT_EQ(key->kind(), kind);
        EXPECT_EQ(key->bits(), bits);
        EXPECT_TRUE(key->verify(bytes_of("hello"), bytes_of(signature)));
    }
}

TEST(Key, of_every_kind_are_made_and_written_in_der) {
    Folder folder;
    struct Row {
        KeyKind kind;
        const char* says;
    };
    for (const Row& row : {Row{KeyKind::p256, "prime256v1"}, Row{KeyKind::p384, "secp384r1"},
                           Row{KeyKind::ed25519, "ED25519"}, Row{KeyKind::rsa, "2048 bit"}}) {
        auto key = PrivateKey::generate(row.kind);
        ASSERT_TRUE(key.ok()) << key.error().message;
        EXPECT_EQ(key->kind(), row.kind);
        folder.write("k.der", text_of(key->to_der()));
        const auto text = folder.run("openssl pkey -inform DER -in k.der -noout -text");
        EXPECT_NE(text.find(row.says), std::string::npos) << text;
    }
}

TEST(Key, of_bare_numbers_is_the_key_that_they_were_taken_from) {
    const auto point = PrivateKey::generate(KeyKind::p256)->public_key();
    const ByteView xy = ByteView{point.spki()}.last(64);
    const auto ec = PublicKey::from_point(KeyKind::p256, xy.first(32), xy.last(32));
    ASSERT_TRUE(ec.ok()) << ec.error().message;
    EXPECT_EQ(ec->spki(), point.spki());
    const auto rsa = PrivateKey::generate(KeyKind::rsa)->public_key();
    const ByteView n = ByteView{rsa.spki()}.last(261).first(256);  // 02 03 01 00 01 follows
    const Bytes e{1, 0, 1}, even{1, 0, 0}, small{3};
    const auto again = PublicKey::from_rsa(n, e);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again->spki(), rsa.spki());
    EXPECT_FALSE(PublicKey::from_rsa(n, small).ok());
    EXPECT_FALSE(PublicKey::from_rsa(n, even).ok());
    EXPECT_FALSE(PublicKey::from_rsa(n.first(255), e).ok());
    EXPECT_FALSE(PublicKey::from_rsa(Bytes(1025, 0xff), e).ok());
    EXPECT_FALSE(PublicKey::from_point(KeyKind::p256, xy.first(31), xy.last(32)).ok());
    EXPECT_FALSE(PublicKey::from_point(KeyKind::rsa, xy.first(32), xy.last(32)).ok());
    EXPECT_FALSE(PublicKey::from_ed25519(xy).ok());
}

}  // namespace
}  // namespace mw::crypto
