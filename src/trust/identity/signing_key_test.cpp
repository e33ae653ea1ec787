#include "trust/identity/signing_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/log.h"

namespace mw::identity {
namespace {

class Signing : public testing::Test {
 protected:
    std::unique_ptr<CertificateAuthority> authority(const std::string& name = "pki") {
        AuthorityOptions options;
        options.directory = folder_.path() + "/" + name;
        auto opened = CertificateAuthority::open(files_, clock_, random_, options);
        EXPECT_TRUE(opened.ok());
        return *std::move(opened);
    }
    std::string directory() const { return folder_.path() + "/pki"; }
    std::unique_ptr<SigningKey> key(CertificateAuthority& authority,
                                    std::string_view purpose = "release",
                                    const std::string& name = "pki") {
        auto opened =
            SigningKey::open(files_, clock_, authority, folder_.path() + "/" + name, purpose);
        EXPECT_TRUE(opened.ok()) << opened.error().message;
        return *std::move(opened);
    }

    log::Capture log_;
    files::TemporaryDirectory folder_ = *files::TemporaryDirectory::make();
    files::RealFiles files_;
    SimulatedClock clock_;
    SeededRandom random_{7};
};

TEST_F(Signing, whoever_knows_the_root_alone_can_check_it) {
    auto ca = authority();
    auto release = key(*ca);
    auto signature = *release->sign(bytes_of("hello"));
    ASSERT_EQ(signature.size(), 64u);
    auto trust = *crypto::TrustStore::make({&ca->root(), 1});
    auto verified = verify_signed(bytes_of("hello"), signature, release->chain(), trust, "release",
                                  clock_.now());
    EXPECT_TRUE(verified.ok()) << verified.error().message;
    EXPECT_TRUE(release->certificate().for_code_signing);
    EXPECT_FALSE(release->certificate().for_client);
    auto read = *crypto::certificate_from_der(release->certificate().der);
    EXPECT_TRUE(read.for_code_signing);
    EXPECT_FALSE(read.for_client || read.for_server || read.is_ca);
}

TEST_F(Signing, the_key_is_the_owners_alone_and_stays) {
    auto ca = authority();
    auto first = key(*ca);
    struct stat status;
    ASSERT_EQ(::stat((directory() + "/release.key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    auto again = key(*ca);
    EXPECT_EQ(again->certificate(), first->certificate());
    clock_.advance(hours{24} * 365 * 4 + hours{48});
    auto renewed = key(*ca);
    EXPECT_EQ(renewed->public_key().spki(), first->public_key().spki());
    EXPECT_GT(renewed->certificate().not_after, first->certificate().not_after);
    auto trust = *crypto::TrustStore::make({&ca->root(), 1});
    EXPECT_TRUE(verify_signed(bytes_of("old"), *first->sign(bytes_of("old")), renewed->chain(),
                              trust, "release", clock_.now())
                    .ok());
}

TEST_F(Signing, impostors_are_refused_with_a_reason) {
    auto ca = authority();
    auto other_ca = authority("other");
    auto release = key(*ca), audit = key(*ca, "audit"),
         stranger = key(*other_ca, "release", "other");
    auto spki = crypto::PrivateKey::generate(crypto::KeyKind::ed25519);
    auto device_key = *std::move(spki);
    auto device = *ca->issue_device("release", device_key.public_key().spki());
    auto trust = *crypto::TrustStore::make({&ca->root(), 1});
    const Bytes message{1, 2, 3};
    const auto good = *release->sign(message);
    Bytes device_chain = device.der;
    device_chain.insert(device_chain.end(), ca->issuing().der.begin(), ca->issuing().der.end());
    auto changed = good;
    changed[5] ^= 1;
    Bytes cut(release->chain().begin(), release->chain().end() - 1);
    struct Row {
        const char* name;
        Bytes signature;
        Bytes chain;
        Timestamp at;
        const char* reason;
    };
    const Row rows[] = {
        {"another installation", *stranger->sign(message), stranger->chain(), clock_.now(),
         "certificate"},
        {"another purpose", *audit->sign(message), audit->chain(), clock_.now(), "is for 'audit'"},
        {"a device named release", *device_key.sign(message), device_chain, clock_.now(),
         "not for signing"},
        {"another key", *stranger->sign(message), release->chain(), clock_.now(), "another key"},
        {"a changed bit", changed, release->chain(), clock_.now(), "was changed"},
        {"a short signature", Bytes(63, 1), release->chain(), clock_.now(), "64 bytes"},
        {"no certificate", good, {}, clock_.now(), "no signing certificate"},
        {"a cut certificate", good, cut, clock_.now(), "malformed"},
        {"after its end", good, release->chain(), clock_.now() + hours{24} * 4000, "expired"},
    };
    for (const auto& row : rows) {
        auto verified = verify_signed(message, row.signature, row.chain, trust, "release", row.at);
        ASSERT_FALSE(verified.ok()) << row.name;
        EXPECT_EQ(verified.error().code, Errc::denied) << row.name;
        EXPECT_NE(verified.error().message.find(row.reason), std::string::npos)
            << row.name << ": " << verified.error().message;
    }
    EXPECT_TRUE(
        verify_signed(message, good, release->chain(), trust, "release", clock_.now()).ok());
}

TEST_F(Signing, what_does_not_fit_is_named) {
    auto ca = authority();
    auto before = key(*ca);
    auto write = [&](const std::string& name, std::string_view text) {
        ASSERT_TRUE(
            files::atomic_replace(files_, directory() + "/" + name, bytes_of(text), 0600).ok());
    };
    write("release.pem", "nonsense");
    EXPECT_EQ(key(*ca)->public_key().spki(), before->public_key().spki());
    write("release.key", "nonsense");
    auto opened = SigningKey::open(files_, clock_, *ca, directory(), "release");
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, Errc::corrupt);
    EXPECT_NE(opened.error().message.find("release.key"), std::string::npos);
}

}  // namespace
}  // namespace mw::identity
