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
    std::vector<Use> authority_uses{};
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
    {"issuing, of clients alone",
     Profile::issuing_ca,
     {},
     "X509v3 Basic Constraints: critical\n    CA:TRUE, pathlen:0\n"
     "X509v3 Key Usage: critical\n    Certificate Sign, CRL Sign\n"
     "X509v3 Extended Key Usage: \n    TLS Web Client Authentication\n",
     {Use::client}},
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
    {"gateway",
     Profile::gateway,
     {{}, {}, {"urn:millwright:device:gw-1", "urn:millwright:gateway:gw-1"}, {}},
     "X509v3 Basic Constraints: critical\n    CA:FALSE\n"
     "X509v3 Key Usage: critical\n    Digital Signature\n"
     "X509v3 Extended Key Usage: \n    TLS Web Client Authentication\n"
     "X509v3 Subject Alternative Name: \n    URI:urn:millwright:device:gw-1, "
     "URI:urn:millwright:gateway:gw-1\n"},
    {"gateway that serves TLS",
     Profile::gateway,
     {{"gw-1.line-7.example"},
      {"10.0.0.7"},
      {"urn:millwright:device:gw-1", "urn:millwright:gateway:gw-1"},
      {}},
     "X509v3 Basic Constraints: critical\n    CA:FALSE\n"
     "X509v3 Key Usage: critical\n    Digital Signature\n"
     "X509v3 Extended Key Usage: \n    TLS Web Client Authentication, TLS Web Server "
     "Authentication\n"
     "X509v3 Subject Alternative Name: \n    DNS:gw-1.line-7.example, "
     "URI:urn:millwright:device:gw-1, URI:urn:millwright:gateway:gw-1, IP Address:10.0.0.7\n"},
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
        order.authority_uses = row.authority_uses;
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

// The same to the byte: extensions stand in this order, and nothing is between them.
TEST(Profiles, have_exactly_these_bytes) {
    const std::string leaf =
        "300c0603551d130101ff04023000"       // basicConstraints, critical: CA:FALSE
        "300e0603551d0f0101ff040403020780";  // keyUsage, critical: digitalSignature
    const std::string authority =
        "30120603551d130101ff040830060101ff020100"  // CA:TRUE, pathlen 0
        "300e0603551d0f0101ff040403020106";         // keyCertSign, cRLSign
    const std::string client = "30130603551d25040c300a06082b06010505070302";
    const std::string server = "30130603551d25040c300a06082b06010505070301";
    const std::string code = "30130603551d25040c300a06082b06010505070303";
    const std::string both = "301d0603551d250416301406082b0601050507030206082b06010505070301";
    const std::string next = "301d0603551d0e0416";  // subjectKeyIdentifier of 20 bytes
    struct Row {
        Profile profile;
        std::vector<std::string> dns;
        std::vector<Use> authority_uses;
        std::string bytes;
    };
    const Row rows[] = {
        {Profile::issuing_ca, {}, {}, authority + next},
        {Profile::issuing_ca, {}, {Use::client}, authority + client + next},
        {Profile::issuing_ca, {}, {Use::client, Use::server}, authority + both + next},
        {Profile::issuing_ca, {}, {Use::code_signing}, authority + code + next},
        {Profile::server, {"hub"}, {}, leaf + server + next},
        {Profile::device, {}, {}, leaf + client + next},
        {Profile::gateway, {}, {}, leaf + client + next},
        {Profile::gateway, {"gw"}, {}, leaf + both + next},
        {Profile::person, {}, {}, leaf + client + next},
        {Profile::code_signing, {}, {}, leaf + code + next},
    };
    samples::Authority authorities;
    const auto key = *PrivateKey::generate(KeyKind::p256);
    for (const Row& row : rows) {
        auto order = samples::Authority::order(row.profile, "gw-1", 90);
        order.names.dns = row.dns, order.authority_uses = row.authority_uses;
        const auto made = *issue(order, key.public_key().spki(),
                                 {authorities.root, authorities.root_key}, authorities.random);
        EXPECT_NE(to_hex(made.der).find(row.bytes), std::string::npos)
            << to_hex(made.der) << "\nhas not\n"
            << row.bytes;
        const auto read = *certificate_from_der(made.der);
        EXPECT_EQ(read.limits_use, made.limits_use);
        EXPECT_EQ(read.for_client, made.for_client);
        EXPECT_EQ(read.for_server, made.for_server);
        EXPECT_EQ(read.for_code_signing, made.for_code_signing);
    }
}

// An authority that may sign for one use signs nothing for another, to OpenSSL and to us.
TEST(Profiles, an_authority_of_one_use_vouches_for_no_other) {
    samples::Authority all;
    struct Row {
        Use allowed;
        Profile profile;
        Purpose purpose;
        bool good;
    };
    const Row rows[] = {
        {Use::client, Profile::device, Purpose::client, true},
        {Use::client, Profile::server, Purpose::server, false},
        {Use::client, Profile::code_signing, Purpose::code_signing, false},
        {Use::server, Profile::server, Purpose::server, true},
        {Use::server, Profile::device, Purpose::client, false},
        {Use::server, Profile::code_signing, Purpose::code_signing, false},
        {Use::code_signing, Profile::code_signing, Purpose::code_signing, true},
        {Use::code_signing, Profile::device, Purpose::client, false},
    };
    const auto key = *PrivateKey::generate(KeyKind::p256);
    for (const Row& row : rows) {
        auto order = samples::Authority::order(Profile::issuing_ca, "One use", 1825);
        order.authority_uses = {row.allowed};
        const auto authority = *issue(order, all.issuing_key.public_key().spki(),
                                      {all.root, all.root_key}, all.random);
        auto wanted = samples::Authority::order(row.profile, "one", 90);
        wanted.names.dns = {"one"};
        const auto leaf =
            *issue(wanted, key.public_key().spki(), {authority, all.issuing_key}, all.random);
        const auto trust = *TrustStore::make({&all.root, 1}, {&authority, 1});
        const auto verified = trust.verify(leaf, samples::now, row.purpose);
        EXPECT_EQ(verified.ok(), row.good) << int(row.allowed) << ' ' << int(row.profile) << ' '
                                           << (verified ? "" : verified.error().message);
    }
}

}  // namespace
}  // namespace mw::crypto
