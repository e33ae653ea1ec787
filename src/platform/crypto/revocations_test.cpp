#include "platform/crypto/revocations.h"

#include <gtest/gtest.h>

#include "platform/crypto/crl_samples.h"
#include "platform/crypto/crypto_samples.h"

namespace mw::crypto {
namespace {

using samples::day;
using samples::list_of_revoked;
using samples::now;

// An authority and two of its certificates.
struct Office {
    samples::Authority authority;
    PrivateKey key = *PrivateKey::generate(KeyKind::p256);
    Certificate good = authority.device("good", key), bad = authority.device("bad", key);
    Signer signer{authority.issuing, authority.issuing_key};
};

TEST(Revocations, a_list_names_what_is_revoked_and_nothing_else) {
    Office office;
    const auto revoked = Revocations::from_pem(list_of_revoked(office.signer, {office.bad}, now),
                                               office.authority.issuing);
    ASSERT_TRUE(revoked.ok()) << revoked.error().message;
    EXPECT_TRUE(revoked->contains(office.bad));
    EXPECT_TRUE(revoked->contains(ByteView(office.bad.der)));
    EXPECT_FALSE(revoked->contains(office.good));
    EXPECT_FALSE(revoked->contains(ByteView(office.good.der)));
    EXPECT_FALSE(revoked->contains(bytes_of("nonsense")));
    EXPECT_EQ(revoked->size(), 1u);
    EXPECT_EQ(revoked->next_update(), now + day * 7);
}

TEST(Revocations, lists_add_up_and_the_first_to_end_counts) {
    Office office;
    const std::string two = list_of_revoked(office.signer, {office.good}, now, day * 30) +
                            list_of_revoked(office.signer, {office.bad}, now, day * 2);
    const auto both = Revocations::from_pem(two, office.authority.issuing);
    ASSERT_TRUE(both.ok());
    EXPECT_TRUE(both->contains(office.good) && both->contains(office.bad));
    EXPECT_EQ(both->next_update(), now + day * 2);
}

TEST(Revocations, what_is_no_list_of_the_issuer_is_refused_in_words) {
    Office office;
    const Certificate& issuing = office.authority.issuing;
    const Signer root{office.authority.root, office.authority.root_key};
    const auto foreign = Revocations::from_pem(list_of_revoked(root, {}, now), issuing);
    ASSERT_FALSE(foreign.ok());
    EXPECT_EQ(foreign.error().code, Errc::denied);
    EXPECT_NE(foreign.error().message.find("not signed by 'Test issuing'"), std::string::npos);
    EXPECT_EQ(Revocations::from_pem("hello", issuing).error().code, Errc::invalid_input);
    std::string torn = list_of_revoked(office.signer, {}, now);
    torn.replace(torn.find('\n') + 1, 8, "AAAAAAAA");
    EXPECT_EQ(Revocations::from_pem(torn, issuing).error().code, Errc::invalid_input);
    EXPECT_FALSE(Revocations().contains(office.good));
}

// A key of the right name is not enough.
TEST(Revocations, a_list_with_a_forged_signature_is_refused) {
    Office office;
    const Signer forged{office.authority.issuing, office.key};
    const auto read =
        Revocations::from_pem(list_of_revoked(forged, {office.bad}, now), office.authority.issuing);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, Errc::denied);
}

}  // namespace
}  // namespace mw::crypto
