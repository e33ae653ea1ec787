#include "trust/identity/identity.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/json.h"
#include "base/log.h"
#include "platform/crypto/crl_samples.h"
#include "platform/files/files.h"

namespace mw::identity {
namespace {

using crypto::PrivateKey;

constexpr nanoseconds day = hours{24};

class Identity : public testing::Test {
 protected:
    Identity() {
        std::string pattern = testing::TempDir() + "mw-identity-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        options_.directory = folder_ + "/pki";
    }
    ~Identity() override {
        if (auto entries = files_.list(options_.directory))
            for (const auto& entry : *entries)
                ignore(files_.remove(options_.directory + "/" + entry.name), "tidying up");
        ::rmdir(options_.directory.c_str());
        ::rmdir(folder_.c_str());
    }

    Result<std::unique_ptr<CertificateAuthority>> open() {
        return CertificateAuthority::open(files_, clock_, random_, options_);
    }
    std::string file(const std::string& name) { return options_.directory + "/" + name; }
    std::string read(const std::string& name) {
        return std::string(text_of(*files::read_all(files_, file(name))));
    }
    void write(const std::string& name, std::string_view text) {
        ASSERT_TRUE(files::atomic_replace(files_, file(name), bytes_of(text), 0600).ok());
    }

    log::Capture log_;
    std::string folder_;
    files::RealFiles files_;
    SimulatedClock clock_;
    SeededRandom random_{1};
    AuthorityOptions options_;
    PrivateKey key_ = *PrivateKey::generate(crypto::KeyKind::p256);
};

TEST_F(Identity, first_start_makes_an_authority_that_openssl_and_we_trust) {
    auto authority = open();
    ASSERT_TRUE(authority.ok()) << authority.error().message;
    auto& ca = **authority;
    auto trust = *crypto::TrustStore::make({&ca.root(), 1}, {&ca.issuing(), 1});
    EXPECT_TRUE(trust.verify(ca.server(), clock_.now(), crypto::Purpose::server).ok());
    EXPECT_EQ(ca.server().names.dns, std::vector<std::string>{"localhost"});
    EXPECT_EQ(ca.root_pin(), to_hex(crypto::sha256(ca.root().spki)));
    auto chain = *crypto::certificates_from_pem(ca.server_chain_pem());
    ASSERT_EQ(chain.size(), 3u);
    EXPECT_EQ(chain[2], ca.root());
}

TEST_F(Identity, keys_are_readable_by_the_owner_only) {
    ASSERT_TRUE(open().ok());
    for (const char* name : {"root.key", "issuing.key", "server.key", "issued.jsonl"}) {
        struct stat status;
        ASSERT_EQ(::stat(file(name).c_str(), &status), 0) << name;
        EXPECT_EQ(status.st_mode & 0777, 0600u) << name;
    }
    struct stat status;
    ASSERT_EQ(::stat(options_.directory.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(Identity, reopening_gives_the_same_authority) {
    auto first = *open();
    auto again = *open();
    EXPECT_EQ(again->root(), first->root());
    EXPECT_EQ(again->issuing(), first->issuing());
    EXPECT_EQ(again->server(), first->server());
    auto device = *again->issue_device("gw-1", key_.public_key().spki());
    EXPECT_TRUE(first->peers().principal(device, clock_.now()).ok());
}

TEST_F(Identity, the_root_key_may_leave_and_nothing_else_may) {
    ASSERT_TRUE(open().ok());
    auto root_key = read("root.key");
    ASSERT_TRUE(files_.remove(file("root.key")).ok());
    EXPECT_TRUE(open().ok());
    ASSERT_TRUE(files_.remove(file("root.pem")).ok());
    EXPECT_EQ(open().error().code, Errc::corrupt);
    write("root.key", root_key);
    EXPECT_NE(open().error().message.find("root.pem"), std::string::npos);
}

TEST_F(Identity, what_does_not_fit_is_named) {
    ASSERT_TRUE(open().ok());
    auto issuing_key = read("issuing.key");
    write("issuing.key", key_.to_pem());
    EXPECT_NE(open().error().message.find("issuing.key: it is not the key of"), std::string::npos);
    write("issuing.key", "nonsense");
    EXPECT_EQ(open().error().code, Errc::corrupt);
    write("issuing.key", issuing_key);
    auto elsewhere = *crypto::self_sign(
        {crypto::Profile::root_ca, "elsewhere", {}, clock_.now() - day, clock_.now() + day}, key_,
        random_);
    write("root.pem", crypto::to_pem(elsewhere));
    ASSERT_TRUE(files_.remove(file("root.key")).ok());
    EXPECT_NE(open().error().message.find("issuing.pem"), std::string::npos);
}

TEST_F(Identity, a_start_that_was_cut_short_is_continued) {
    const std::vector<std::string> in_order = {"root.key",    "root.pem",   "issuing.key",
                                               "issuing.pem", "server.key", "server.pem"};
    ASSERT_TRUE(open().ok());
    for (std::size_t kept = 1; kept <= in_order.size(); ++kept) {
        auto first = read(in_order[kept - 1]);
        for (auto i = kept; i < in_order.size(); ++i)
            ASSERT_TRUE(files_.remove(file(in_order[i])).ok());
        auto authority = open();
        ASSERT_TRUE(authority.ok()) << kept << ": " << authority.error().message;
        if (in_order[kept - 1] != "server.key") {
            EXPECT_EQ(read(in_order[kept - 1]), first) << kept;
        }
        EXPECT_TRUE((*authority)->issue_device("gw-1", key_.public_key().spki()).ok());
    }
}

TEST_F(Identity, the_server_certificate_is_renewed_in_time_and_when_names_change) {
    auto ca = *open();
    auto before = ca->server();
    EXPECT_FALSE(*ca->renew_server_if_due());
    clock_.advance(options_.server_lifetime - options_.server_renewal + day);
    EXPECT_TRUE(*ca->renew_server_if_due());
    EXPECT_NE(ca->server().serial, before.serial);
    EXPECT_NE(ca->server().spki, before.spki);
    options_.server_names.push_back("hub.plant.example");
    options_.server_addresses = {"FD00:0:0::1"};
    auto renamed = *open();
    EXPECT_EQ(renamed->server().names.addresses, std::vector<std::string>{"fd00::1"});
    EXPECT_FALSE(*renamed->renew_server_if_due());
}

TEST_F(Identity, a_reload_takes_what_lies_there_now) {
    auto ca = *open();
    const auto server = ca->server();
    const auto issuing_key = *PrivateKey::from_pem(read("issuing.key"));
    const auto lost = *ca->issue_device("gw-1", key_.public_key().spki());
    const auto kept = *ca->issue_device("gw-1", key_.public_key().spki());
    EXPECT_TRUE(ca->peers().principal(lost, clock_.now()).ok());

    write("crl.pem", crypto::samples::list_of_revoked({ca->issuing(), issuing_key}, {lost},
                                                      clock_.now(), day * 7));
    ASSERT_TRUE(files_.remove(file("server.pem")).ok());
    ASSERT_TRUE(ca->reload().ok());
    EXPECT_NE(ca->server().serial, server.serial);
    EXPECT_EQ(ca->revoked(), 1u);
    const auto refused = ca->peers().principal(lost, clock_.now());
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("revoked"), std::string::npos);
    EXPECT_TRUE(ca->peers().is_revoked(lost.der));
    EXPECT_TRUE(ca->peers().principal(kept, clock_.now()).ok());
    EXPECT_TRUE(ca->issue_device("gw-2", key_.public_key().spki()).ok());

    // A list that has ended: nobody can tell any more who is good.
    const auto ended = ca->peers().principal(kept, clock_.now() + day * 8);
    ASSERT_FALSE(ended.ok());
    EXPECT_NE(ended.error().message.find("crl.pem ended at"), std::string::npos);

    ASSERT_TRUE(files_.remove(file("crl.pem")).ok());
    ASSERT_TRUE(ca->reload().ok());
    EXPECT_TRUE(ca->peers().principal(lost, clock_.now()).ok());
}

TEST_F(Identity, a_reload_that_fails_changes_nothing) {
    auto ca = *open();
    const auto server = ca->server();
    const auto root_key = *PrivateKey::from_pem(read("root.key"));
    const auto root_pem = read("root.pem");
    ASSERT_TRUE(files_.remove(file("server.pem")).ok());
    write("crl.pem", "hello");
    const auto bad = ca->reload();
    ASSERT_FALSE(bad.ok());
    EXPECT_NE(bad.error().message.find("crl.pem"), std::string::npos);
    write("crl.pem",
          crypto::samples::list_of_revoked({ca->root(), root_key}, {}, clock_.now(), day * 7));
    EXPECT_EQ(ca->reload().error().code, Errc::denied);
    ASSERT_TRUE(files_.remove(file("crl.pem")).ok());
    for (const char* name : {"root.pem", "root.key", "issuing.pem", "issuing.key"})
        ASSERT_TRUE(files_.remove(file(name)).ok());
    EXPECT_EQ(ca->reload().error().code, Errc::conflict);
    EXPECT_EQ(ca->server(), server);
    EXPECT_NE(read("root.pem"), root_pem);
    EXPECT_EQ(ca->revoked(), 0u);
}

// Another issuing authority below the same root: what the old one signed is good no more.
TEST_F(Identity, a_reload_may_change_the_issuing_authority) {
    auto ca = *open();
    const auto old = *ca->issue_device("gw-1", key_.public_key().spki());
    const auto pin = ca->root_pin();
    for (const char* name : {"issuing.pem", "issuing.key"})
        ASSERT_TRUE(files_.remove(file(name)).ok());
    ASSERT_TRUE(ca->reload().ok());
    EXPECT_EQ(ca->root_pin(), pin);
    EXPECT_FALSE(ca->peers().principal(old, clock_.now()).ok());
    const auto fresh = *ca->issue_device("gw-1", key_.public_key().spki());
    EXPECT_TRUE(ca->peers().principal(fresh, clock_.now()).ok());
}

TEST_F(Identity, device_certificates_name_their_device_and_are_recorded) {
    auto ca = *open();
    auto certificate = *ca->issue_device("gw-1", key_.public_key().spki());
    EXPECT_EQ(certificate.subject_cn, "gw-1");
    EXPECT_EQ(certificate.names.uris, std::vector<std::string>{"urn:millwright:device:gw-1"});
    EXPECT_EQ(certificate.not_after.ns / 1'000'000'000,
              (clock_.now() + options_.device_lifetime).ns / 1'000'000'000);
    auto principal = ca->peers().principal(certificate.der, clock_.now());
    ASSERT_TRUE(principal.ok()) << principal.error().message;
    EXPECT_EQ(actor(*principal), "device:gw-1");
    auto line = parse_json(read("issued.jsonl"));
    ASSERT_TRUE(line.ok());
    EXPECT_EQ(find_string(*line, "serial"), certificate.serial);
    auto user = *ca->issue_user("ada", key_.public_key().spki(), day);
    EXPECT_EQ(actor(*ca->peers().principal(user, clock_.now())), "user:ada");
    EXPECT_EQ(ca->issued(), 2u);
}

TEST_F(Identity, a_key_is_known_for_whom_it_was_certified_across_restarts) {
    const auto key = crypto::sha256(key_.public_key().spki());
    {
        auto ca = *open();
        ASSERT_TRUE(ca->issue_device("gw-1", key_.public_key().spki()).ok());
        EXPECT_TRUE(ca->keys().is_of_another(key, "device:gw-2"));
    }
    // As a hub before this index wrote it, and as a power cut leaves it.
    std::ofstream log{file("issued.jsonl"), std::ios::app};
    log << R"({"serial":"00","subject":"old","profile":"device"})"
        << "\n{\"serial\":\"0";
    log.close();
    auto ca = *open();
    ASSERT_TRUE(ca->load_keys().ok());
    EXPECT_EQ(ca->keys().size(), 1u);
    EXPECT_TRUE(ca->keys().is_of_another(key, "device:gw-2"));
    EXPECT_TRUE(ca->keys().is_of_another(key, "user:gw-1"));
    EXPECT_FALSE(ca->keys().is_of_another(key, "device:gw-1"));
    KeyIndex later;
    ASSERT_TRUE(later.load(files_, file("issued.jsonl"), clock_.now() + day * 91).ok());
    EXPECT_EQ(later.size(), 0u);
}

TEST_F(Identity, a_certificate_never_outlives_its_authority) {
    auto ca = *open();
    auto certificate = *ca->issue_device("gw-1", key_.public_key().spki(), day * 36500);
    EXPECT_EQ(certificate.not_after, ca->issuing().not_after);
    clock_.advance(options_.issuing_lifetime + day);
    EXPECT_EQ(ca->issue_device("gw-1", key_.public_key().spki()).error().code, Errc::io_failed);
}

TEST_F(Identity, another_issuing_authority_comes_in_time_and_the_old_one_counts_until_its_end) {
    auto ca = *open();
    const auto first = ca->issuing();
    EXPECT_EQ(*ca->renew_issuing_if_due(), false);
    clock_.advance(options_.issuing_lifetime - options_.issuing_renewal + day);
    const auto old = *ca->issue_device("gw-1", key_.public_key().spki());
    EXPECT_EQ(*ca->renew_issuing_if_due(), true);
    EXPECT_EQ(*ca->renew_issuing_if_due(), false);
    EXPECT_FALSE(ca->issuing() == first);
    EXPECT_NE(ca->issuing().subject_cn, first.subject_cn);
    const auto fresh = *ca->issue_device("gw-2", key_.public_key().spki());
    for (int start = 0; start < 2; ++start) {
        EXPECT_TRUE(ca->peers().principal(old, clock_.now()).ok());
        EXPECT_TRUE(ca->peers().principal(fresh, clock_.now()).ok());
        EXPECT_EQ(ca->former(), 1u);
        ca = *open();
    }
    EXPECT_FALSE(read("issuing-" + first.serial + ".key").empty());
    clock_.advance(options_.issuing_renewal);
    ca = *open();
    EXPECT_EQ(ca->former(), 0u);
    EXPECT_FALSE(ca->peers().principal(old, clock_.now()).ok());
}

TEST_F(Identity, without_the_roots_key_there_is_no_other_issuing_authority) {
    auto ca = *open();
    ASSERT_TRUE(files_.remove(file("root.key")).ok());
    ca = *open();
    EXPECT_EQ(*ca->renew_issuing_if_due(), false);  // it isn't due yet
    clock_.advance(options_.issuing_lifetime - options_.issuing_renewal + day);
    const auto refused = ca->renew_issuing_if_due();
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("root.key"), std::string::npos);
    EXPECT_TRUE(ca->issue_device("gw-1", key_.public_key().spki()).ok());
}

TEST_F(Identity, names_that_are_no_resource_names_get_no_certificate) {
    auto ca = *open();
    for (std::string name : {"", "GW-1", "-gw", "gw 1", "gw/1", "gw\n1", "urn:x"})
        EXPECT_EQ(ca->issue_device(name, key_.public_key().spki()).error().code,
                  Errc::invalid_input)
            << name;
    EXPECT_FALSE(ca->issue_device(std::string(64, 'a'), key_.public_key().spki()).ok());
}

// Signed by our own authority or not, these must not become principals.
TEST_F(Identity, impostors_are_refused_with_a_reason) {
    auto ca = *open();
    auto root_key = *PrivateKey::from_pem(read("root.key"));
    auto issuing_key = *PrivateKey::from_pem(read("issuing.key"));
    auto spki = key_.public_key().spki();
    auto signed_by_us = [&](std::string name, crypto::AlternativeNames names,
                            crypto::Profile profile = crypto::Profile::device) {
        crypto::CertificateOrder order{profile, name, names, clock_.now() - day,
                                       clock_.now() + day};
        return *crypto::issue(order, spki, {ca->issuing(), issuing_key}, random_);
    };
    auto self = *crypto::self_sign({crypto::Profile::device,
                                    "gw-1",
                                    {{}, {}, {"urn:millwright:device:gw-1"}, {}},
                                    clock_.now() - day,
                                    clock_.now() + day},
                                   key_, random_);
    struct Row {
        const char* name;
        crypto::Certificate certificate;
        const char* reason;
    };
    const Row rows[] = {
        {"self-signed", self, "self-signed"},
        {"other name in the URI",
         signed_by_us("gw-1", {{}, {}, {"urn:millwright:device:gw-2"}, {}}), "does not fit"},
        {"no URI", signed_by_us("gw-1", {}), "want one alternative name"},
        {"two URIs", signed_by_us("gw-1", {{}, {}, {"urn:millwright:device:gw-1", "urn:x"}, {}}),
         "want one alternative name"},
        {"a DNS name too", signed_by_us("gw-1", {{"x"}, {}, {"urn:millwright:device:gw-1"}, {}}),
         "want one alternative name"},
        {"no resource name", signed_by_us("GW", {{}, {}, {"urn:millwright:device:GW"}, {}}),
         "not a resource name"},
        {"the server's", ca->server(), "unsuitable certificate purpose"},
        {"the authority's", ca->issuing(), "unsuitable certificate purpose"},
    };
    for (const auto& row : rows) {
        auto principal = ca->peers().principal(row.certificate, clock_.now());
        ASSERT_FALSE(principal.ok()) << row.name;
        EXPECT_EQ(principal.error().code, Errc::denied);
        EXPECT_NE(principal.error().message.find(row.reason), std::string::npos)
            << row.name << ": " << principal.error().message;
    }
    auto good = *ca->issue_device("gw-1", spki);
    EXPECT_TRUE(ca->peers().principal(good, clock_.now()).ok());
    EXPECT_FALSE(ca->peers().principal(good, clock_.now() + 91 * day).ok());
    EXPECT_FALSE(ca->peers().principal(ByteView{}, clock_.now()).ok());
    EXPECT_FALSE(ca->peers().principal(bytes_of("nonsense"), clock_.now()).ok());
}

TEST_F(Identity, who_was_verified_is_known_again_by_all_of_the_certificate) {
    auto ca = *open();
    const auto device = *ca->issue_device("gw-1", key_.public_key().spki());
    const Peers peers = ca->peers();
    for (int time = 0; time < 3; ++time)
        EXPECT_TRUE(peers.principal(device.der, clock_.now()).ok());
    Bytes forged = device.der;
    forged.back() ^= 1;  // of the signature
    EXPECT_FALSE(peers.principal(forged, clock_.now()).ok());
    EXPECT_FALSE(peers.principal(forged, clock_.now()).ok());
    EXPECT_FALSE(peers.principal(device.der, clock_.now() + 91 * day).ok());
}

TEST_F(Identity, another_installation_of_ours_is_a_stranger) {
    auto ca = *open();
    options_.directory = folder_ + "/other";
    auto other = *open();
    auto device = *other->issue_device("gw-1", key_.public_key().spki());
    EXPECT_FALSE(ca->peers().principal(device, clock_.now()).ok());
    auto entries = *files_.list(options_.directory);
    for (const auto& entry : entries)
        ASSERT_TRUE(files_.remove(options_.directory + "/" + entry.name).ok());
    ::rmdir(options_.directory.c_str());
    options_.directory = folder_ + "/pki";
}

}  // namespace
}  // namespace mw::identity
