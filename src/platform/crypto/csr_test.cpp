#include "platform/crypto/csr.h"

#include <gtest/gtest.h>

#include "platform/crypto/crypto_samples.h"

namespace mw::crypto {
namespace {

using samples::Folder;

Bytes sample(const AlternativeNames& names = {}) {
    return *make_csr({"gw-1", names}, *PrivateKey::generate(KeyKind::p256));
}

TEST(Csr, what_was_made_reads_back_the_same) {
    for (auto kind : {KeyKind::p256, KeyKind::ed25519}) {
        auto key = *PrivateKey::generate(kind);
        AlternativeNames names{{"gw.example"}, {"10.0.0.9"}, {"urn:millwright:device:gw-1"}, {}};
        auto csr = csr_from_der(*make_csr({"gw-1", names}, key));
        ASSERT_TRUE(csr.ok()) << csr.error().message;
        EXPECT_EQ(csr->subject_cn, "gw-1");
        EXPECT_EQ(csr->subject_attributes, 0);
        EXPECT_EQ(csr->names, names);
        EXPECT_EQ(csr->spki, key.public_key().spki());
        EXPECT_EQ(csr->key_kind, kind);
        EXPECT_FALSE(csr->asks_for_ca);
    }
}

TEST(Csr, possession_must_be_proved) {
    auto der = sample();
    auto forged = der;
    forged[std::string_view(text_of(der)).find("gw-1")] = 'x';  // another subject, same signature
    auto read = csr_from_der(forged);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().message,
              "signing request: the signature does not match the key: possession is not proved");
}

TEST(Csr, every_cut_and_every_flipped_bit_is_an_error) {
    auto der = sample({{"gw.example"}, {}, {}, {}});
    for (std::size_t cut = 0; cut < der.size(); ++cut)
        EXPECT_FALSE(csr_from_der(ByteView{der}.first(cut)).ok()) << cut;
    for (std::size_t i = 0; i < der.size(); ++i) {
        auto altered = der;
        altered[i] ^= 1;
        EXPECT_FALSE(csr_from_der(altered).ok()) << i;
    }
    der.push_back(0);
    EXPECT_FALSE(csr_from_der(der).ok());
    EXPECT_FALSE(csr_from_der(Bytes(20'000, 0x30)).ok());
}

// Each row is made by the openssl program from a request configuration.
struct Hostile {
    const char* name;
    const char* command;  // writes c.pem
    const char* error;    // part of the message; empty: it is read
};
const Hostile hostiles[] = {
    {"plain",
     "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k "
     "-subj /CN=gw-1 -out c.pem",
     ""},
    {"rsa", "openssl req -new -newkey rsa:2048 -nodes -keyout r -subj /CN=gw-1 -out c.pem", ""},
    {"p384 with sha256",
     "openssl req -new -sha256 -newkey ec -pkeyopt ec_paramgen_curve:P-384 "
     "-nodes -keyout k -subj /CN=gw-1 -out c.pem",
     ""},
    {"sha1", "openssl req -new -sha1 -key r -subj /CN=gw-1 -out c.pem",
     "the signature algorithm is not supported"},
    {"another curve",
     "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:secp256k1 -nodes "
     "-keyout k -subj /CN=gw-1 -out c.pem",
     "the kind is not supported"},
    {"explicit curve",
     "openssl ecparam -name prime256v1 -genkey -param_enc explicit -out k && "
     "openssl req -new -key k -subj /CN=gw-1 -out c.pem",
     "want a named one"},
    {"compressed point",
     "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 | openssl "
     "ec -conv_form compressed -out k && openssl req -new -key k -subj "
     "/CN=gw-1 -out c.pem",
     "not an uncompressed point"},
    {"two names",
     "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k "
     "-subj /CN=gw-1/CN=gw-2 -out c.pem",
     "more than one common name"},
};

TEST(CsrInterop, requests_of_openssl_are_read_or_refused_with_a_reason) {
    Folder folder;
    for (const auto& row : hostiles) {
        folder.run("rm -f c.pem; " + std::string(row.command));
        auto csr = csr_from_pem(folder.read("c.pem"));
        if (*row.error) {
            ASSERT_FALSE(csr.ok()) << row.name;
            EXPECT_NE(csr.error().message.find(row.error), std::string::npos)
                << row.name << ": " << csr.error().message;
        } else {
            ASSERT_TRUE(csr.ok()) << row.name << ": " << csr.error().message;
            EXPECT_EQ(csr->subject_cn, "gw-1") << row.name;
        }
    }
}

TEST(CsrInterop, what_it_asks_for_is_seen) {
    Folder folder;
    folder.run(
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k "
        "-subj '/O=Acme/CN=gw-1' -addext basicConstraints=CA:TRUE "
        "-addext 'subjectAltName=DNS:evil.example,IP:10.0.0.1,otherName:1.2.3;UTF8:x' "
        "-out c.pem");
    auto csr = csr_from_pem(folder.read("c.pem"));
    ASSERT_TRUE(csr.ok()) << csr.error().message;
    EXPECT_TRUE(csr->asks_for_ca);
    EXPECT_EQ(csr->subject_attributes, 1);
    EXPECT_EQ(csr->names.dns, std::vector<std::string>{"evil.example"});
    EXPECT_EQ(csr->names.other, std::vector<std::string>{"otherName"});
    folder.run("openssl req -new -key k -subj /CN=gw-1 -addext keyUsage=keyCertSign -out c.pem");
    EXPECT_TRUE(csr_from_pem(folder.read("c.pem"))->asks_for_ca);
}

TEST(CsrInterop, foreign_names_uses_extensions_and_exponents_are_seen) {
    Folder folder;
    const auto ask = [&](const std::string& what) {
        folder.run("rm -f c.pem; openssl req -new -newkey rsa:2048 -nodes -keyout r -out c.pem " +
                   what);
        auto csr = csr_from_pem(folder.read("c.pem"));
        EXPECT_TRUE(csr.ok()) << what << ": " << csr.error().message;
        return csr ? *csr : Csr{};
    };
    using Words = std::vector<std::string>;
    const auto plain = ask("-subj /O=Acme/CN=gw-1 -addext extendedKeyUsage=clientAuth");
    EXPECT_EQ(plain.rsa_exponent, 65537u);
    EXPECT_EQ(plain.subject_identities, Words{});
    EXPECT_EQ(plain.foreign_uses, Words{});
    EXPECT_EQ(plain.foreign_extensions, Words{});
    EXPECT_EQ(ask("-subj /emailAddress=a@b/CN=gw-1").subject_identities, Words{"emailAddress"});
    EXPECT_EQ(ask("-subj /CN=gw-1 -addext extendedKeyUsage=serverAuth,clientAuth").foreign_uses,
              Words{"1.3.6.1.5.5.7.3.1"});
    EXPECT_EQ(ask("-subj /CN=gw-1 -addext 1.2.3.4=DER:0500").foreign_extensions, Words{"1.2.3.4"});
    EXPECT_TRUE(ask("-subj /CN=gw-1 -addext keyUsage=cRLSign").asks_for_ca);
    EXPECT_EQ(ask("-subj /CN=gw-1 -pkeyopt rsa_keygen_pubexp:3").rsa_exponent, 3u);
}

// RFC 7030 4.4.1: where the server makes the key, the one in the request means nothing.
TEST(Csr, possession_is_ignored_only_where_the_caller_says_so) {
    auto der = sample();
    der.back() ^= 1;
    EXPECT_NE(csr_from_der(der).error().message.find("possession"), std::string::npos);
    auto read = csr_from_der(der, Possession::ignored);
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->subject_cn, "gw-1");
}

TEST(CsrInterop, openssl_reads_what_a_request_should_hold) {
    Folder folder;
    struct Row {
        KeyKind kind;
        const char* says;
    };
    for (const Row& row :
         {Row{KeyKind::p256, "prime256v1"}, Row{KeyKind::p384, "ecdsa-with-SHA384"},
          Row{KeyKind::ed25519, "ED25519"}, Row{KeyKind::rsa, ":0C00"}}) {
        folder.write("a.der", text_of(*make_csr_attributes(row.kind, 3072)));
        const auto text = folder.run("openssl asn1parse -inform DER -in a.der");
        EXPECT_NE(text.find(row.says), std::string::npos) << text;
    }
    EXPECT_FALSE(make_csr_attributes(KeyKind::other, 0).ok());
}

TEST(CsrInterop, openssl_verifies_our_requests) {
    Folder folder;
    auto der = sample({{"gw.example"}, {}, {"urn:millwright:device:gw-1"}, {}});
    folder.write("ours.pem", csr_to_pem(der));
    auto text = folder.run("openssl req -in ours.pem -verify -noout -text");
    EXPECT_NE(text.find("self-signature verify OK"), std::string::npos) << text;
    EXPECT_NE(text.find("DNS:gw.example, URI:urn:millwright:device:gw-1"), std::string::npos)
        << text;
}

TEST(CsrAttributes, say_which_uses_the_certificate_will_have) {
    const std::vector<Use> both{Use::client, Use::server};
    const Bytes plain = *make_csr_attributes(KeyKind::p256, 0);
    const Bytes more = *make_csr_attributes(KeyKind::p256, 0, both);
    EXPECT_EQ(to_hex(plain),
              "3021"
              "301506072a8648ce3d0201310a06082a8648ce3d030107"
              "06082a8648ce3d040302");
    EXPECT_EQ(to_hex(more),
              "3051"
              "301506072a8648ce3d0201310a06082a8648ce3d030107"
              "06082a8648ce3d040302"
              "302e06092a864886f70d01090e3121301f"
              "301d0603551d250416301406082b0601050507030206082b06010505070301");
}

TEST(CsrUses, are_asked_for_and_read) {
    const auto key = *PrivateKey::generate(KeyKind::p256);
    const auto csr = *csr_from_der(*make_csr({"one", {}, {Use::client, Use::code_signing}}, key));
    EXPECT_EQ(csr.uses, (std::vector<Use>{Use::client, Use::code_signing}));
    EXPECT_EQ(csr.foreign_uses, std::vector<std::string>{"1.3.6.1.5.5.7.3.3"});
    EXPECT_TRUE(csr_from_der(*make_csr({"one", {}}, key))->uses.empty());
}

}  // namespace
}  // namespace mw::crypto
