#include "trust/identity/ceremony.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/log.h"

namespace mw::identity {
namespace {

namespace fs = std::filesystem;
using crypto::PrivateKey;
constexpr nanoseconds one_day = hours{24};

class Ceremony : public ::testing::Test {
 protected:
    Ceremony() {
        std::string pattern = (fs::temp_directory_path() / "mw-ceremony-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        options_.directory = folder_ + "/pki";
    }
    ~Ceremony() override { fs::remove_all(folder_); }

    auto open() { return CertificateAuthority::open(files_, clock_, random_, options_); }
    std::string file(const std::string& name) { return options_.directory + "/" + name; }
    std::string read(const std::string& path) {
        return std::string(text_of(*files::read_all(files_, path)));
    }
    // Somebody else's root, of any kind, and what it signs.
    struct Corporation {
        PrivateKey key;
        crypto::Certificate root;
    };
    Corporation corporation(crypto::KeyKind kind) {
        auto key = *PrivateKey::generate(kind, 3072);
        const crypto::CertificateOrder order{crypto::Profile::root_ca,
                                             "Works root",
                                             {},
                                             clock_.now() - one_day,
                                             clock_.now() + one_day * 7000};
        auto root = *crypto::self_sign(order, key, random_);
        return {std::move(key), std::move(root)};
    }
    crypto::Certificate by(const Corporation& corporation, ByteView spki,
                           crypto::Profile profile = crypto::Profile::issuing_ca) {
        const crypto::CertificateOrder order{
            profile, "Works issuing", {}, clock_.now() - one_day, clock_.now() + one_day * 3000};
        return *crypto::issue(order, spki, {corporation.root, corporation.key}, random_);
    }
    void expect_lets_in(CertificateAuthority& ca) {
        const auto key = *PrivateKey::generate(crypto::KeyKind::p256);
        const auto device = ca.issue_device("gw-1", key.public_key().spki());
        ASSERT_TRUE(device.ok()) << device.error().message;
        EXPECT_TRUE(ca.peers().principal(device->der, clock_.now()).ok());
        const auto trust = *crypto::TrustStore::make({&ca.root(), 1}, {&ca.issuing(), 1});
        EXPECT_TRUE(trust.verify(*device, clock_.now(), crypto::Purpose::client).ok());
    }

    log::Capture log_;
    std::string folder_;
    files::RealFiles files_;
    SimulatedClock clock_;
    SeededRandom random_{1};
    AuthorityOptions options_;
};

TEST_F(Ceremony, an_offline_root_is_nowhere_near_the_hub) {
    const std::string safe = folder_ + "/safe";
    NewAuthorities wanted;
    wanted.offline_root = safe;
    auto made = make_authorities(files_, clock_, random_, options_, wanted);
    ASSERT_TRUE(made.ok()) << made.error().message;
    EXPECT_FALSE(fs::exists(file("root.key")));
    EXPECT_TRUE(fs::exists(safe + "/root.key"));
    EXPECT_EQ(fs::status(safe + "/root.key").permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(read(safe + "/root.pem"), read(file("root.pem")));
    expect_lets_in(**made);
    // With the safe closed the hub starts all the same, and says what is missing when it is due.
    fs::rename(safe, folder_ + "/closed");
    auto ca = open();
    ASSERT_TRUE(ca.ok()) << ca.error().message;
    expect_lets_in(**ca);
    clock_.advance(one_day * 2900);
    auto due = (*ca)->renew_issuing_if_due();
    ASSERT_FALSE(due.ok());
    EXPECT_EQ(due.error().code, Errc::denied);
    // Opened, it makes the next one by itself.
    fs::rename(folder_ + "/closed", safe);
    ca = open();
    due = (*ca)->renew_issuing_if_due();
    ASSERT_TRUE(due.ok()) << due.error().message;
    EXPECT_TRUE(*due);
    EXPECT_EQ((*ca)->former(), 1u);
    const auto again = make_authorities(files_, clock_, random_, options_, wanted);
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().code, Errc::conflict);
}

TEST_F(Ceremony, roots_of_others_of_every_kind_sign_our_issuing_authority) {
    for (const auto kind : {crypto::KeyKind::p256, crypto::KeyKind::p384, crypto::KeyKind::rsa,
                            crypto::KeyKind::ed25519}) {
        fs::remove_all(options_.directory);
        const auto works = corporation(kind);
        const auto request = request_issuing(files_, random_, options_, "");
        ASSERT_TRUE(request.ok()) << request.error().message;
        const auto csr = *crypto::csr_from_pem(*request);
        const auto signed_one = by(works, csr.spki);
        const auto installed = install_issuing(
            files_, clock_, options_, {crypto::to_pem(signed_one), crypto::to_pem(works.root), ""});
        ASSERT_TRUE(installed.ok()) << installed.error().message;
        EXPECT_FALSE(fs::exists(file("next.key")));
        auto ca = open();
        ASSERT_TRUE(ca.ok()) << ca.error().message;
        EXPECT_EQ((*ca)->root(), works.root);
        expect_lets_in(**ca);
    }
}

TEST_F(Ceremony, an_authority_with_its_key_may_be_brought_whole) {
    for (const auto kind : {crypto::KeyKind::p384, crypto::KeyKind::rsa}) {
        fs::remove_all(options_.directory);
        const auto works = corporation(crypto::KeyKind::rsa);
        const auto key = *PrivateKey::generate(kind, 3072);
        const auto issuing = by(works, key.public_key().spki());
        const auto installed =
            install_issuing(files_, clock_, options_,
                            {crypto::to_pem(issuing), crypto::to_pem(works.root), key.to_pem()});
        ASSERT_TRUE(installed.ok()) << installed.error().message;
        auto ca = open();
        ASSERT_TRUE(ca.ok()) << ca.error().message;
        expect_lets_in(**ca);
        EXPECT_EQ((*ca)->issuing(), issuing);
    }
    // Or stays where it is.
    fs::remove_all(options_.directory);
    const auto works = corporation(crypto::KeyKind::p256);
    const auto key = *PrivateKey::generate(crypto::KeyKind::p256);
    const auto issuing = by(works, key.public_key().spki());
    ASSERT_TRUE(
        files::atomic_replace(files_, folder_ + "/elsewhere.key", bytes_of(key.to_pem()), 0600)
            .ok());
    ASSERT_TRUE(install_issuing(files_, clock_, options_,
                                {crypto::to_pem(issuing), crypto::to_pem(works.root),
                                 "file:" + folder_ + "/elsewhere.key"})
                    .ok());
    EXPECT_FALSE(fs::exists(file("issuing.key")));
    expect_lets_in(**open());
}

TEST_F(Ceremony, rollover_by_hand_keeps_whom_the_old_one_let_in) {
    const std::string safe = folder_ + "/safe";
    NewAuthorities wanted;
    wanted.offline_root = safe;
    auto ca = *make_authorities(files_, clock_, random_, options_, wanted);
    const auto key = *PrivateKey::generate(crypto::KeyKind::p256);
    const auto old = *ca->issue_device("gw-1", key.public_key().spki());
    const auto request = *request_issuing(files_, random_, options_, "");
    EXPECT_EQ(crypto::csr_from_pem(*request_issuing(files_, random_, options_, ""))->spki,
              crypto::csr_from_pem(request)->spki)
        << "asked again, another key";
    const auto next = sign_issuing(files_, clock_, random_, safe, request, one_day * 1000, nullptr);
    ASSERT_TRUE(next.ok()) << next.error().message;
    const auto installed =
        install_issuing(files_, clock_, options_, {crypto::to_pem(*next), "", ""});
    ASSERT_TRUE(installed.ok()) << installed.error().message;
    ASSERT_TRUE(ca->reload().ok());
    EXPECT_EQ(ca->issuing(), *next);
    EXPECT_EQ(ca->former(), 1u);
    EXPECT_TRUE(ca->peers().principal(old.der, clock_.now()).ok());
    expect_lets_in(*ca);
    // The same again changes nothing.
    ASSERT_TRUE(install_issuing(files_, clock_, options_, {crypto::to_pem(*next), "", ""}).ok());
    ASSERT_TRUE(ca->reload().ok());
    EXPECT_EQ(ca->former(), 1u);
}

TEST_F(Ceremony, what_does_not_fit_is_not_installed) {
    auto ca = *open();
    const auto works = corporation(crypto::KeyKind::p256);
    const auto request = *request_issuing(files_, random_, options_, "");
    const auto spki = crypto::csr_from_pem(request)->spki;
    const auto ours = *sign_issuing(files_, clock_, random_, options_.directory, request,
                                    nanoseconds{0}, nullptr);
    const auto stranger = PrivateKey::generate(crypto::KeyKind::p256)->public_key().spki();
    const auto root_key = *PrivateKey::from_pem(read(file("root.key")));
    const auto signed_by_root = [&](crypto::Profile profile, ByteView key) {
        return *crypto::issue({profile, "x", {}, clock_.now() - one_day, clock_.now() + one_day},
                              key, {ca->root(), root_key}, random_);
    };
    struct Row {
        const char* what;
        crypto::Certificate certificate;
        std::string root;
        Errc code;
    };
    const Row rows[] = {
        {"of another root", by(works, spki), "", Errc::denied},
        {"no authority", signed_by_root(crypto::Profile::device, spki), "", Errc::denied},
        {"of another key", signed_by_root(crypto::Profile::issuing_ca, stranger), "", Errc::denied},
        {"with another root", ours, crypto::to_pem(works.root), Errc::conflict},
        {"the root itself", ca->root(), "", Errc::denied},
    };
    for (const Row& row : rows) {
        const auto outcome = install_issuing(files_, clock_, options_,
                                             {crypto::to_pem(row.certificate), row.root, ""});
        ASSERT_FALSE(outcome.ok()) << row.what;
        EXPECT_EQ(outcome.error().code, row.code) << row.what << ": " << outcome.error().message;
        ASSERT_TRUE(ca->reload().ok());
        EXPECT_EQ(ca->former(), 0u) << row.what;
    }
    const auto wrong = sign_issuing(files_, clock_, random_, folder_, request, one_day, nullptr);
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.error().code, Errc::not_found);
}

}  // namespace
}  // namespace mw::identity
