#include "platform/crypto/hash.h"

#include <gtest/gtest.h>

namespace mw::crypto {
namespace {

std::string hex(const Sha256Digest& digest) { return to_hex(digest); }

// FIPS 180-4 examples.
TEST(Sha256, published_vectors) {
    EXPECT_EQ(hex(sha256(bytes_of("abc"))),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, parts_equal_the_whole_and_finishing_starts_anew) {
    Sha256 hash;
    for (int round = 0; round < 2; ++round) {
        for (auto part : {"a", "", "bc"}) hash.update(bytes_of(part));
        EXPECT_EQ(hash.finish(), sha256(bytes_of("abc")));
    }
}

// RFC 3174 7.3, test 1.
TEST(Sha1, published_vector) {
    EXPECT_EQ(to_hex(sha1(bytes_of("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

// RFC 4231 cases 1 and 2.
TEST(HmacSha256, published_vectors) {
    EXPECT_EQ(hex(hmac_sha256(Bytes(20, 0x0b), bytes_of("Hi There"))),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex(hmac_sha256({}, {})),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// RFC 7914 11, the first block of each.
TEST(Pbkdf2Sha256, published_vectors) {
    EXPECT_EQ(hex(pbkdf2_sha256(bytes_of("passwd"), bytes_of("salt"), 1)),
              "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    EXPECT_EQ(hex(pbkdf2_sha256(bytes_of("Password"), bytes_of("NaCl"), 80'000)),
              "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
}

TEST(EqualInConstantTime, compares_content_and_length) {
    EXPECT_TRUE(equal_in_constant_time(bytes_of("abc"), bytes_of("abc")));
    EXPECT_FALSE(equal_in_constant_time(bytes_of("abc"), bytes_of("abd")));
    EXPECT_FALSE(equal_in_constant_time(bytes_of("abc"), bytes_of("ab")));
    EXPECT_TRUE(equal_in_constant_time({}, {}));
}

}  // namespace
}  // namespace mw::crypto
