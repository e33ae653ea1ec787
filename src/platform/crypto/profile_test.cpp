// What certificates of each profile say, to the letter, as the openssl program reads them.
#include <gtest/gtest.h>

#include "platform/crypto/crypto_samples.h"

namespace mw::crypto {
namespace {

struct ProfileRow {
    const char* name;
    Profile profile;
    AlternativeNames names;
    const char* says;  // all of its extensions but the two key identifiers
};

const ProfileRow profile_rows[] = {
    {"root",
     Profile::root_ca,
     {},
     "X509v3 Basic Constraints: critical\n    CA:TRUE, pathlen:1\n"
     "X509v3 Key Usage: critical\n    Certificate Sign, CRL Sign\n"},
    {"issuing",
     Profile::issuing_ca,
     {},
     "X509v3 Basic Constraints: critical\n    CA:TRUE, pathlen:0\n"
     "X509v3 Key Usage: critical\n    Certificate Sign, CRL Sign\n"},
    {"server",
     Profile::server,
     {{"hub.example"}, {"10.0.0.1"}, {}, {}},
     "X509v3 Basic Constraints: critical\n    CA:FALSE\n"
     "X509v3 Key Usage: critical\n    Digital Signature\n"
     "X509v3 Extended Key Usage: \n    TLS Web Server Authentication\n"
     "X509v3 Subject Alternative Name: \n    DNS:hub.example, IP Address:10.0.0.1\n"},
    {"device",
     Profile::device,
     {{}, {}, {"urn:millwright:device:gw-1"}, {}},
     "X509v3 Basic Constraints: critical\n    CA:FALSE\n"
     "X509v3 Key Usage: critical\n    Digital Signature\n"
     "X509v3 Extended Key Usage: \n    TLS Web Client Authentication\n"
     "X509v3 Subject Alternative Name: \n    URI:urn:millwright:device:gw-1\n"},
    {"person",
     Profile::person,
     {{}, {}, {"urn:millwright:user:ada"}, {}},
     "X509v3 Basic Constraints: critical\n    CA:FALSE\n"
     "X509v3 Key Usage: critical\n    Digital Signature\n"
     "X509v3 Extended Key Usage: \n    TLS Web Client Authentication\n"
     "X509v3 Subject Alternative Name: \n    URI:urn:millwright:user:ada\n"},
    {"code signing",
     Profile::code_signing,
     {},
     "X509v3 Basic Constraints: critical\n    CA:FALSE\n"
     "X509v3 Key Usage: critical\n    Digital Signature\n"
     "X509v3 Extended Key Usage: \n    Code Signing\n"},
};

std::size_t count_of(const std::string& text, std::string_view words) {
    std::size_t count = 0;
    for (auto at = text.find(words); at != text.npos; at = text.find(words, at + 1)) ++count;
    return count;
}

TEST(Profiles, say_exactly_this_and_no_more) {
    samples::Authority authority;
    const auto key = *PrivateKey::generate(KeyKind::p256);
    samples::Folder folder;
    for (const ProfileRow& row : profile_rows) {
        auto order = samples::Authority::order(row.profile, "gw-1", 90);
        order.names = row.names;
        const auto made = issue(order, key.public_key().spki(),
                                {authority.root, authority.root_key}, authority.random);
        ASSERT_TRUE(made.ok()) << row.name << ": " << made.error().message;
        folder.write("one.pem", to_pem(*made));
        const auto told = folder.run(
            "openssl x509 -in one.pem -noout -ext "
            "basicConstraints,keyUsage,extendedKeyUsage,subjectAltName");
        EXPECT_EQ(told, row.says) << row.name;
        const auto whole = folder.run("openssl x509 -in one.pem -noout -text");
        EXPECT_EQ(count_of(whole, "X509v3 "), count_of(row.says, "X509v3 ") + 3)
            << row.name << ": besides the two key identifiers and the heading\n"
            << whole;
        EXPECT_NE(whole.find("X509v3 Subject Key Identifier"), whole.npos) << row.name;
        EXPECT_NE(whole.find("X509v3 Authority Key Identifier"), whole.npos) << row.name;
    }
}

}  // namespace
}  // namespace mw::crypto
