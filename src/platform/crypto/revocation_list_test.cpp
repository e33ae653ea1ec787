#include "platform/crypto/revocation_list.h"

#include <gtest/gtest.h>

#include "platform/crypto/crl_samples.h"
#include "platform/crypto/crypto_samples.h"

namespace mw::crypto {
namespace {

using samples::day;
using samples::now;

struct ListOffice {
    samples::Authority authority;
    Signer signer{authority.issuing, authority.issuing_key};

    SerialNumber serial(std::uint8_t last, std::size_t size = 16) const {
        Bytes bytes(size, 0x41);
        bytes.back() = last;
        return *serial_number_from(bytes);
    }
    ListOrder order(std::vector<RevokedCertificate> revoked = {}) const {
        ListOrder wanted;
        wanted.number = 300;
        wanted.this_update = now, wanted.next_update = now + day * 7;
        wanted.revoked = std::move(revoked);
        return wanted;
    }
};

// The openssl program is the other opinion.
TEST(RevocationList, openssl_reads_a_full_list_as_it_was_meant) {
    ListOffice office;
    auto wanted = office.order({{office.serial(1), now, RevocationReason::key_compromise},
                                {office.serial(2), now, RevocationReason::unspecified}});
    wanted.delta_at = "http://hub.example/pki/delta.crl";
    const auto list = make_revocation_list(wanted, office.signer);
    ASSERT_TRUE(list.ok()) << list.error().message;
    samples::Folder folder;
    folder.write("list.crl", text_of(*list));
    folder.write("issuing.pem", to_pem(office.authority.issuing));
    const auto text =
        folder.run("openssl crl -inform DER -in list.crl -CAfile issuing.pem -noout -text");
    for (const char* words :
         {"verify OK", "X509v3 CRL Number: \n                300", "Key Compromise",
          "X509v3 Freshest CRL", "URI:http://hub.example/pki/delta.crl",
          "Serial Number: 41414141414141414141414141414101",
          "Serial Number: 41414141414141414141414141414102", "X509v3 Authority Key Identifier"})
        EXPECT_NE(text.find(words), text.npos) << words << "\n" << text;
    EXPECT_EQ(text.find("Delta CRL"), text.npos) << text;
}

TEST(RevocationList, openssl_reads_a_delta_as_one) {
    ListOffice office;
    auto wanted = office.order({{office.serial(9), now, RevocationReason::superseded}});
    wanted.delta_of = 255;
    samples::Folder folder;
    folder.write("delta.crl", text_of(*make_revocation_list(wanted, office.signer)));
    const auto text = folder.run("openssl crl -inform DER -in delta.crl -noout -text");
    EXPECT_NE(text.find("X509v3 Delta CRL Indicator: critical\n                255"), text.npos)
        << text;
}

TEST(RevocationList, what_we_write_we_read) {
    ListOffice office;
    for (const std::optional<std::uint64_t> base : {std::optional<std::uint64_t>{}, {1ull << 40}})
        for (const std::uint64_t number : {1ull, 127ull, 128ull, 0xff00ull, 1ull << 41})
            for (const std::size_t entries : {0, 1, 3}) {
                auto wanted = office.order();
                wanted.number = number, wanted.delta_of = base;
                for (std::size_t i = 0; i < entries; ++i)
                    wanted.revoked.push_back({office.serial(std::uint8_t(i), 1 + i * 9), now});
                const auto list = make_revocation_list(wanted, office.signer);
                ASSERT_TRUE(list.ok());
                const auto read = revocation_list_from_der(*list, office.authority.issuing);
                ASSERT_TRUE(read.ok()) << read.error().message;
                EXPECT_EQ(read->number, number);
                EXPECT_EQ(read->delta_of, base);
                EXPECT_EQ(read->this_update, now);
                EXPECT_EQ(read->next_update, now + day * 7);
                ASSERT_EQ(read->serials.size(), entries);
                for (std::size_t i = 0; i < entries; ++i)
                    EXPECT_EQ(read->serials[i], wanted.revoked[i].serial);
            }
}

TEST(RevocationList, a_changed_byte_or_another_signer_is_refused) {
    ListOffice office;
    const Bytes list =
        *make_revocation_list(office.order({{office.serial(1), now}}), office.signer);
    for (std::size_t at = 0; at < list.size(); ++at) {
        Bytes changed = list;
        changed[at] ^= 1;
        EXPECT_FALSE(revocation_list_from_der(changed, office.authority.issuing).ok()) << at;
    }
    for (std::size_t size = 0; size < list.size(); ++size)
        EXPECT_FALSE(
            revocation_list_from_der(ByteView{list}.first(size), office.authority.issuing).ok());
    const auto other = revocation_list_from_der(list, office.authority.root);
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.error().code, Errc::denied);
}

TEST(RevocationList, serial_numbers_have_no_leading_zeros_and_20_bytes_at_most) {
    EXPECT_EQ(*serial_number_of("00ff"), *serial_number_of("ff"));
    EXPECT_EQ(serial_number_of("00")->size, 1);
    EXPECT_TRUE(serial_number_of(std::string(40, 'a')).ok());
    EXPECT_EQ(serial_number_of(std::string(42, 'a')).error().code, Errc::invalid_input);
    EXPECT_EQ(serial_number_of("").error().code, Errc::invalid_input);
    EXPECT_EQ(serial_number_of("xy").error().code, Errc::invalid_input);
}

TEST(RevocationList, reasons_have_names_both_ways_and_a_wrong_one_is_told_all) {
    for (const auto reason :
         {RevocationReason::unspecified, RevocationReason::key_compromise,
          RevocationReason::ca_compromise, RevocationReason::affiliation_changed,
          RevocationReason::superseded, RevocationReason::cessation_of_operation,
          RevocationReason::privilege_withdrawn})
        EXPECT_EQ(*revocation_reason_from(to_string(reason)), reason);
    const auto wrong = revocation_reason_from("certificate-hold");
    ASSERT_FALSE(wrong.ok());
    EXPECT_NE(wrong.error().message.find("key-compromise"), std::string::npos);
}

// More than DER lengths of three bytes hold.
TEST(RevocationList, a_long_list_is_read_whole) {
    ListOffice office;
    auto wanted = office.order();
    wanted.number = 7;
    for (std::uint32_t i = 0; i < 3'000; ++i) {
        Bytes bytes(16, 0x55);
        bytes[14] = std::uint8_t(i >> 8), bytes[15] = std::uint8_t(i);
        wanted.revoked.push_back(
            {*serial_number_from(bytes), now, RevocationReason::cessation_of_operation});
    }
    const auto read = revocation_list_from_der(*make_revocation_list(wanted, office.signer),
                                               office.authority.issuing);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->serials.size(), 3'000u);
}

}  // namespace
}  // namespace mw::crypto
