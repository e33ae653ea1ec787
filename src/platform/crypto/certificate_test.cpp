#include "platform/crypto/certificate.h"

#include <gtest/gtest.h>

#include <set>

#include "platform/crypto/crypto_samples.h"

namespace mw::crypto {
namespace {

using samples::Authority;
using samples::day;
using samples::Folder;
using samples::now;

CertificateOrder server_order() {
    auto order = Authority::order(Profile::server, "hub", 90);
    order.names.dns = {"hub.plant.example", "localhost"};
    order.names.addresses = {"127.0.0.1", "fd00::1"};
    return order;
}

TEST(Certificate, what_was_issued_reads_back_the_same) {
    Authority authority;
    auto key = *PrivateKey::generate(KeyKind::ed25519);
    auto issued = authority.device("gw-1", key);
    auto read = certificate_from_der(issued.der);
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->subject_cn, "gw-1");
    EXPECT_EQ(read->issuer_cn, "Test issuing");
    EXPECT_EQ(read->names, issued.names);
    EXPECT_EQ(read->serial, issued.serial);
    EXPECT_EQ(read->serial.size(), 32u);
    EXPECT_EQ(read->not_before, issued.not_before);
    EXPECT_EQ(read->not_after, issued.not_after);
    EXPECT_EQ(read->fingerprint, issued.fingerprint);
    EXPECT_EQ(read->spki, key.public_key().spki());
    EXPECT_EQ(read->key_kind, KeyKind::ed25519);
    EXPECT_EQ(read->subject, issued.subject);
    EXPECT_EQ(read->subject_key_id, issued.subject_key_id);
    EXPECT_FALSE(read->is_ca);
    EXPECT_TRUE(read->for_client);
    EXPECT_FALSE(read->for_server);
    EXPECT_TRUE(certificate_from_der(authority.root.der)->is_ca);
}

TEST(Certificate, openssl_finds_where_its_status_is_told) {
    samples::Authority authority;
    const auto key = *PrivateKey::generate(KeyKind::p256);
    auto order = samples::Authority::order(Profile::device, "gw-1", 90);
    order.status = {
        "http://hub/ocsp", "http://hub/pki/issuing.cer", "http://hub/pki/issuing.crl", {}};
    const auto made = issue(order, key.public_key().spki(),
                            {authority.issuing, authority.issuing_key}, authority.random);
    ASSERT_TRUE(made.ok()) << made.error().message;
    samples::Folder folder;
    folder.write("gw.pem", to_pem(*made));
    const auto text = folder.run("openssl x509 -in gw.pem -noout -text");
    for (const char* words : {"OCSP - URI:http://hub/ocsp", "URI:http://hub/pki/issuing.crl",
                              "CA Issuers - URI:http://hub/pki/issuing.cer"})
        EXPECT_NE(text.find(words), text.npos) << words << text;
    EXPECT_TRUE(certificate_from_der(made->der).ok());
}

TEST(Certificate, serials_are_positive_and_never_repeat) {
    Authority authority;
    auto key = *PrivateKey::generate(KeyKind::p256);
    std::set<std::string> serials;
    for (int i = 0; i < 50; ++i) serials.insert(authority.device("gw", key).serial);
    EXPECT_EQ(serials.size(), 50u);
    for (const auto& serial : serials) EXPECT_LT(serial[0], '8');
}

TEST(Certificate, pem_bundle_round_trips_and_skips_other_text) {
    Authority authority;
    std::vector<Certificate> chain = {authority.issuing, authority.root};
    auto read = certificates_from_pem("issuer: x\n" + to_pem(chain) + authority.root_key.to_pem());
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, chain);
    EXPECT_FALSE(certificates_from_pem("").ok());
    EXPECT_FALSE(certificates_from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n").ok());
    EXPECT_FALSE(
        certificates_from_pem("-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----").ok());
}

TEST(Certificate, orders_that_cannot_be_are_refused) {
    Authority authority;
    auto key = *PrivateKey::generate(KeyKind::p256);
    auto refused = [&](CertificateOrder order) {
        return !issue(order, key.public_key().spki(), {authority.issuing, authority.issuing_key},
                      authority.random)
                    .ok();
    };
    auto order = Authority::order(Profile::device, "gw", 90);
    EXPECT_FALSE(refused(order));
    auto with = [&](auto change) {
        auto changed = order;
        change(changed);
        return refused(changed);
    };
    EXPECT_TRUE(with([](auto& o) { o.subject_cn = ""; }));
    EXPECT_TRUE(with([](auto& o) { o.subject_cn = std::string(65, 'a'); }));
    EXPECT_TRUE(with([](auto& o) { o.subject_cn = "a\nb"; }));
    EXPECT_TRUE(with([](auto& o) { o.not_after = o.not_before; }));
    EXPECT_TRUE(with([](auto& o) { o.names.dns = {"two words"}; }));
    EXPECT_TRUE(with([](auto& o) { o.names.addresses = {"300.1.1.1"}; }));
    EXPECT_TRUE(with([](auto& o) { o.names.dns.assign(101, "a"); }));
    EXPECT_TRUE(with([](auto& o) { o.profile = Profile::server; }));
}

TEST(Certificate, only_an_authority_with_its_own_key_signs) {
    Authority authority;
    auto key = *PrivateKey::generate(KeyKind::p256);
    auto device = authority.device("gw", key);
    auto order = Authority::order(Profile::device, "gw2", 90);
    EXPECT_FALSE(issue(order, key.public_key().spki(), {device, key}, authority.random).ok());
    EXPECT_FALSE(
        issue(order, key.public_key().spki(), {authority.issuing, key}, authority.random).ok());
}

TEST(TrustStore, accepts_the_chain_and_names_what_is_wrong) {
    Authority authority, stranger;
    auto key = *PrivateKey::generate(KeyKind::p256);
    auto device = authority.device("gw", key);
    std::vector<Certificate> root = {authority.root}, between = {authority.issuing};
    auto store = *TrustStore::make(root, between);
    EXPECT_TRUE(store.verify(device, now).ok());
    EXPECT_TRUE(store.verify(device, now, Purpose::client).ok());
    EXPECT_EQ(store.verify(device, now, Purpose::server).error().message,
              "certificate 'gw': unsuitable certificate purpose");
    EXPECT_EQ(store.verify(device, now + 91 * day).error().message,
              "certificate 'gw': certificate has expired");
    EXPECT_EQ(store.verify(device, now - 2 * day).error().message,
              "certificate 2 above 'gw': certificate is not yet valid");
    EXPECT_EQ(store.verify(stranger.device("gw", key), now).error().code, Errc::denied);
    auto bare = *TrustStore::make(root);
    EXPECT_FALSE(bare.verify(device, now).ok());
    EXPECT_TRUE(bare.verify(device, now, Purpose::any, between).ok());
}

TEST(TrustStore, a_device_certificate_cannot_act_as_an_authority) {
    Authority authority;
    auto key = *PrivateKey::generate(KeyKind::p256);
    auto device = authority.device("gw", key);
    device.is_ca = true;  // a liar's copy in memory: the DER still says what it is
    auto forged = issue(Authority::order(Profile::device, "victim", 90), key.public_key().spki(),
                        {device, key}, authority.random);
    ASSERT_TRUE(forged.ok());
    std::vector<Certificate> root = {authority.root}, between = {authority.issuing, device};
    EXPECT_FALSE(TrustStore::make(root, between)->verify(*forged, now).ok());
}

TEST(Pkcs7, round_trips_and_refuses_other_content) {
    Authority authority;
    std::vector<Certificate> chain = {authority.issuing, authority.root};
    auto read = certificates_from_pkcs7(to_pkcs7(chain));
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, chain);
    EXPECT_TRUE(certificates_from_pkcs7(to_pkcs7({}))->empty());
    EXPECT_FALSE(certificates_from_pkcs7(authority.root.der).ok());
    auto cut = to_pkcs7(chain);
    cut.pop_back();
    EXPECT_FALSE(certificates_from_pkcs7(cut).ok());
}

TEST(CertificateInterop, openssl_verifies_our_chain) {
    Authority authority;
    Folder folder;
    auto key = *PrivateKey::generate(KeyKind::p256);
    auto server = *issue(server_order(), key.public_key().spki(),
                         {authority.issuing, authority.issuing_key}, authority.random);
    folder.write("root.pem", to_pem(authority.root));
    folder.write("issuing.pem", to_pem(authority.issuing));
    folder.write("device.pem", to_pem(authority.device("gw-1", key)));
    folder.write("server.pem", to_pem(server));
    std::string at = " -attime " + std::to_string(now.ns / 1'000'000'000);
    std::string verify = "openssl verify -x509_strict -CAfile root.pem -untrusted issuing.pem" + at;
    EXPECT_EQ(folder.run(verify + " -purpose sslclient device.pem"), "device.pem: OK\n");
    EXPECT_EQ(folder.run(verify + " -purpose sslserver -verify_hostname localhost server.pem"),
              "server.pem: OK\n");
    EXPECT_EQ(folder.run(verify + " -verify_ip fd00::1 server.pem"), "server.pem: OK\n");
    auto text = folder.run("openssl x509 -in server.pem -noout -text");
    for (const char* part :
         {"Version: 3 (0x2)", "DNS:hub.plant.example, DNS:localhost, IP Address:127.0.0.1",
          "CA:FALSE", "X509v3 Key Usage: critical\n                Digital Signature\n",
          "TLS Web Server Authentication", "Subject: CN = hub", "Issuer: CN = Test issuing"})
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    text = folder.run("openssl x509 -in issuing.pem -noout -text");
    EXPECT_NE(text.find("CA:TRUE, pathlen:0"), std::string::npos) << text;
    EXPECT_NE(text.find("Certificate Sign, CRL Sign"), std::string::npos) << text;
}

TEST(CertificateInterop, certificates_made_by_openssl_are_read) {
    Folder folder;
    folder.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 36500 "
        "-subj '/C=DE/O=Acme GmbH/CN=Acme R\xc3\xb6ot' -utf8 "
        "-addext 'subjectAltName=DNS:a.example,email:x@y.example,IP:10.0.0.1,URI:urn:x'");
    auto read = certificates_from_pem(folder.read("c.pem"));
    ASSERT_TRUE(read.ok()) << read.error().message;
    const auto& certificate = read->front();
    EXPECT_EQ(certificate.subject_cn, "Acme R\xc3\xb6ot");
    EXPECT_EQ(certificate.names.dns, std::vector<std::string>{"a.example"});
    EXPECT_EQ(certificate.names.addresses, std::vector<std::string>{"10.0.0.1"});
    EXPECT_EQ(certificate.names.uris, std::vector<std::string>{"urn:x"});
    EXPECT_EQ(certificate.names.other, std::vector<std::string>{"email:x@y.example"});
    EXPECT_TRUE(certificate.is_ca);
    EXPECT_EQ(certificate.key_bits, 2048);
    EXPECT_EQ(
        folder.run("openssl x509 -in c.pem -noout -serial"), "serial=" + [&] {
            std::string upper = certificate.serial;
            for (char& c : upper) c = static_cast<char>(std::toupper(c));
            return upper;
        }() + "\n");
    auto until = to_iso8601(certificate.not_after);
    EXPECT_EQ(folder.run("openssl x509 -in c.pem -noout -enddate -dateopt iso_8601"),
              "notAfter=" + until.replace(10, 1, " ") + "\n");
}

TEST(CertificateInterop, openssl_prints_our_pkcs7_and_we_read_its) {
    Authority authority;
    Folder folder;
    std::vector<Certificate> chain = {authority.issuing, authority.root};
    auto ours = to_pkcs7(chain);
    folder.write("ours.p7", text_of(ours));
    auto printed =
        certificates_from_pem(folder.run("openssl pkcs7 -inform DER -in ours.p7 -print_certs"));
    ASSERT_TRUE(printed.ok()) << printed.error().message;
    EXPECT_EQ(*printed, chain);
    folder.write("chain.pem", to_pem(chain));
    folder.run("openssl crl2pkcs7 -nocrl -certfile chain.pem -outform DER -out theirs.p7");
    auto theirs = folder.read("theirs.p7");
    auto read = certificates_from_pkcs7(bytes_of(theirs));
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, chain);
}

TEST(Certificate, is_signed_by_its_authority_and_by_nobody_else) {
    Authority authority, other;
    const auto key = *PrivateKey::generate(KeyKind::p256);
    auto certificate = authority.device("gw-1", key);
    EXPECT_TRUE(is_signed_by(certificate, authority.issuing_key.public_key()));
    EXPECT_FALSE(is_signed_by(certificate, other.issuing_key.public_key()));
    EXPECT_FALSE(is_signed_by(certificate, key.public_key()));
    EXPECT_FALSE(is_signed_by(certificate, PrivateKey::generate(KeyKind::ed25519)->public_key()));
    certificate.der[certificate.der.size() / 2] ^= 1;
    EXPECT_FALSE(is_signed_by(certificate, authority.issuing_key.public_key()));
    certificate.der.resize(40);
    EXPECT_FALSE(is_signed_by(certificate, authority.issuing_key.public_key()));
}

}  // namespace
}  // namespace mw::crypto
