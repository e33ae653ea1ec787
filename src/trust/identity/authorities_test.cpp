// Several issuing authorities, each for what it is for: who issues, and whose word counts for whom.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/log.h"
#include "trust/identity/identity.h"

namespace mw::identity {
namespace {

using crypto::PrivateKey;
using crypto::Profile;
constexpr nanoseconds a_day = hours{24};

Purposes for_only(std::initializer_list<Purpose> list) {
    Purposes set;
    for (const Purpose each : list) set.add(each);
    return set;
}

class Authorities : public ::testing::Test {
 protected:
    Authorities() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "mw-authorities-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        options_.directory = folder_ + "/pki";
        options_.issuers = {
            {"north", for_only({Purpose::devices, Purpose::gateways}), {"north"}, {"line-9"}},
            {"people", for_only({Purpose::operators})},
            {"servers", for_only({Purpose::servers})},
            {"code", for_only({Purpose::code})},
        };
        options_.purposes = for_only({Purpose::devices, Purpose::gateways});
    }
    ~Authorities() override { std::filesystem::remove_all(folder_); }

    auto open() { return CertificateAuthority::open(files_, clock_, random_, options_); }
    std::string file(const std::string& name) { return options_.directory + "/" + name; }
    PrivateKey key_of(const std::string& stem) {
        return *PrivateKey::from_pem(text_of(*files::read_all(files_, file(stem + ".key"))));
    }
    crypto::Certificate certificate_of(const std::string& stem) {
        const Bytes pem = *files::read_all(files_, file(stem + ".pem"));
        return crypto::certificates_from_pem(text_of(pem))->front();
    }
    // The worst that the thief of one authority's key can sign.
    crypto::Certificate forged(const std::string& stem, Profile profile, std::string name,
                               crypto::AlternativeNames names) {
        const crypto::CertificateOrder order{profile, std::move(name), std::move(names),
                                             clock_.now() - a_day, clock_.now() + a_day};
        return *crypto::issue(order, key_.public_key().spki(), {certificate_of(stem), key_of(stem)},
                              random_);
    }
    static std::string issuer_of(const Result<crypto::Certificate>& certificate) {
        return certificate ? certificate->issuer_cn : certificate.error().message;
    }

    log::Capture log_;
    std::string folder_;
    files::RealFiles files_;
    SimulatedClock clock_;
    SeededRandom random_{5};
    AuthorityOptions options_;
    PrivateKey key_ = *PrivateKey::generate(crypto::KeyKind::p256);
};

TEST_F(Authorities, are_made_at_the_first_start_with_the_uses_they_are_for) {
    auto ca = open();
    ASSERT_TRUE(ca.ok()) << ca.error().message;
    EXPECT_EQ((*ca)->current_issuing().size(), 5u);
    const auto trust = *crypto::TrustStore::make({&(*ca)->root(), 1});
    struct Row {
        const char* stem;
        bool client, server, code;
    };
    const Row rows[] = {{"issuing", true, true, false},
                        {"authority-north", true, true, false},
                        {"authority-people", true, false, false},
                        {"authority-servers", false, true, false},
                        {"authority-code", false, false, true}};
    for (const Row& row : rows) {
        const auto certificate = certificate_of(row.stem);
        EXPECT_TRUE(trust.verify(certificate, clock_.now()).ok()) << row.stem;
        EXPECT_TRUE(certificate.is_ca && certificate.limits_use) << row.stem;
        EXPECT_EQ(certificate.for_client, row.client) << row.stem;
        EXPECT_EQ(certificate.for_server, row.server) << row.stem;
        EXPECT_EQ(certificate.for_code_signing, row.code) << row.stem;
    }
    const auto before = (*ca)->current_issuing();
    ca->reset();
    EXPECT_EQ((*open())->current_issuing(), before) << "a restart reads them";
}

TEST_F(Authorities, issue_by_purpose_site_and_group) {
    auto ca = *open();
    const Bytes& spki = key_.public_key().spki();
    const std::string north = certificate_of("authority-north").subject_cn;
    const std::string other = certificate_of("issuing").subject_cn;
    const auto device = [&](bool gateway, const char* group, const char* site) {
        return issuer_of(ca->issue_device({"gw-1", spki, {}, gateway, {}, group, site}));
    };
    EXPECT_EQ(device(false, "line-1", "north"), north);
    EXPECT_EQ(device(true, "line-1", "north"), north);
    EXPECT_EQ(device(false, "line-9", "south"), north);
    EXPECT_EQ(device(false, "line-1", "south"), other);
    EXPECT_EQ(device(true, "", ""), other);
    EXPECT_EQ(issuer_of(ca->issue_user("ada", spki, a_day)),
              certificate_of("authority-people").subject_cn);
    EXPECT_EQ(ca->server().issuer_cn, certificate_of("authority-servers").subject_cn);
    EXPECT_EQ(issuer_of(ca->issue_signing("release", spki, a_day)),
              certificate_of("authority-code").subject_cn);
    // One that issues no more is trusted all the same.
    const auto old = *ca->issue_device({"gw-2", spki, {}, false, {}, "line-1", "north"});
    options_.issuers[0].issues = false;
    ca = *open();
    EXPECT_EQ(device(false, "line-1", "north"), other);
    EXPECT_TRUE(ca->peers().principal(old, clock_.now()).ok());
}

TEST_F(Authorities, nobody_issues_what_no_authority_is_for) {
    options_.issuers.erase(options_.issuers.begin() + 1);  // people
    auto ca = *open();
    const auto user = ca->issue_user("ada", key_.public_key().spki(), a_day);
    ASSERT_FALSE(user.ok());
    EXPECT_EQ(user.error().code, Errc::denied);
    EXPECT_NE(user.error().message.find("operators"), std::string::npos) << user.error().message;
}

TEST_F(Authorities, the_word_of_each_counts_for_its_purposes_alone) {
    auto ca = *open();
    const crypto::AlternativeNames device{{}, {}, {"urn:millwright:device:gw-1"}, {}};
    const crypto::AlternativeNames user{{}, {}, {"urn:millwright:user:gw-1"}, {}};
    const crypto::AlternativeNames service{{}, {}, {"urn:millwright:service:gw-1"}, {}};
    const crypto::AlternativeNames gateway{
        {}, {}, {"urn:millwright:device:gw-1", "urn:millwright:gateway:gw-1"}, {}};
    crypto::AlternativeNames serving = gateway;
    serving.dns = {"gw-1.example"};
    struct Row {
        const char* what;
        const char* by;
        Profile profile;
        const crypto::AlternativeNames& names;
        const char* reason;  // null: let in
    };
    const char* const not_for = "does not vouch for";
    const char* const wrong_use = "unsuitable certificate purpose";
    const Row rows[] = {
        {"a device", "issuing", Profile::device, device, nullptr},
        {"a gateway", "authority-north", Profile::gateway, serving, nullptr},
        {"a person", "authority-people", Profile::person, user, nullptr},
        {"a person by the devices' authority", "issuing", Profile::person, user, not_for},
        {"a service by the devices' authority", "issuing", Profile::person, service, not_for},
        {"a person by a site's authority", "authority-north", Profile::person, user, not_for},
        {"a device by the people's authority", "authority-people", Profile::device, device,
         not_for},
        {"a gateway by the people's authority", "authority-people", Profile::gateway, gateway,
         not_for},
        {"a device by the servers' authority", "authority-servers", Profile::device, device,
         wrong_use},
        {"a person by the code's authority", "authority-code", Profile::person, user, wrong_use},
        {"a device with a host's name", "issuing", Profile::device, serving,
         "want one alternative name"},
        {"a device by the root", "root", Profile::device, device,
         "none of this hub's issuing authorities"},
    };
    for (const Row& row : rows) {
        const auto one = forged(row.by, row.profile, "gw-1", row.names);
        for (int again = 0; again < 2; ++again) {  // what is remembered tells no other story
            const auto principal = ca->peers().principal(one, clock_.now());
            EXPECT_EQ(principal.ok(), row.reason == nullptr) << row.what;
            if (!principal && row.reason)
                EXPECT_NE(principal.error().message.find(row.reason), std::string::npos)
                    << row.what << ": " << principal.error().message;
        }
    }
}

TEST_F(Authorities, a_server_or_a_release_below_the_devices_authority_is_refused) {
    auto ca = *open();
    const auto server =
        forged("authority-people", Profile::server, "localhost", {{"localhost"}, {}, {}, {}});
    const auto code = forged("issuing", Profile::code_signing, "release", {});
    const auto all = ca->all_issuing();
    const auto trust = *crypto::TrustStore::make({&ca->root(), 1}, all);
    EXPECT_FALSE(trust.verify(server, clock_.now(), crypto::Purpose::server).ok());
    EXPECT_FALSE(trust.verify(code, clock_.now(), crypto::Purpose::code_signing).ok());
    EXPECT_TRUE(trust.verify(ca->server(), clock_.now(), crypto::Purpose::server).ok());
    const auto release = *SigningKey::open(files_, clock_, *ca, options_.directory, "release");
    const Bytes signature = *release->sign(bytes_of("hello"));
    const auto root = *crypto::TrustStore::make({&ca->root(), 1});
    EXPECT_TRUE(
        verify_signed(bytes_of("hello"), signature, release->chain(), root, "release", clock_.now())
            .ok());
}

TEST_F(Authorities, roll_over_one_by_one) {
    auto ca = *open();
    const Bytes& spki = key_.public_key().spki();
    const auto old = *ca->issue_user("ada", spki, a_day * 800);
    const auto people = certificate_of("authority-people");
    clock_.advance(options_.issuing_lifetime - options_.issuing_renewal + a_day);
    const auto due = ca->renew_issuing_if_due();
    ASSERT_TRUE(due.ok()) << due.error().message;
    EXPECT_TRUE(*due);
    EXPECT_EQ(ca->former(), 5u);
    EXPECT_EQ(ca->all_issuing().size(), 10u);
    EXPECT_EQ(ca->list_signers().size(), 10u);
    EXPECT_EQ(ca->list_signers()[0].list, "issuing.crl");
    const auto fresh = *ca->issue_user("eve", spki, a_day);
    EXPECT_EQ(fresh.issuer_cn, certificate_of("authority-people").subject_cn);
    EXPECT_NE(fresh.issuer_cn, people.subject_cn);
    EXPECT_TRUE(ca->peers().principal(fresh, clock_.now()).ok());
    ca = *open();
    EXPECT_EQ(ca->former(), 5u);
    // The earlier one's word counts for people, and no more than before.
    const auto by_old = [&](Profile profile, const char* urn) {
        const crypto::CertificateOrder order{
            profile, "ada", {{}, {}, {urn}, {}}, clock_.now() - a_day, clock_.now() + a_day};
        const auto key = key_of("authority-people-" + people.serial);
        return ca->peers().principal(*crypto::issue(order, spki, {people, key}, random_),
                                     clock_.now());
    };
    EXPECT_TRUE(by_old(Profile::person, "urn:millwright:user:ada").ok());
    EXPECT_FALSE(by_old(Profile::device, "urn:millwright:device:ada").ok());
    IssuedCertificate known;
    known.issuer = to_hex(people.subject_key_id), known.at = clock_.now();
    EXPECT_EQ(ca->issuer_of(known), people);
    EXPECT_EQ(old.issuer_cn, people.subject_cn);
}

TEST_F(Authorities, one_without_its_roots_key_is_for_people_to_make) {
    const auto declared = options_.issuers;
    options_.issuers.clear(), options_.purposes = Purposes::all();
    ASSERT_TRUE(open().ok());
    const std::string safe = folder_ + "/safe";
    std::filesystem::create_directory(safe);
    for (const char* name : {"root.pem", "root.key"})
        std::filesystem::copy(file(name), safe + "/" + name);
    std::filesystem::remove(file("root.key"));
    options_.issuers = {declared[1]};
    const auto missing = open();
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, Errc::not_found);
    EXPECT_NE(missing.error().message.find("--authority people"), std::string::npos)
        << missing.error().message;

    EXPECT_EQ(request_issuing(files_, random_, options_, "", "nobody").error().code,
              Errc::not_found);
    const auto request = request_issuing(files_, random_, options_, "", "people");
    ASSERT_TRUE(request.ok()) << request.error().message;
    const auto made = sign_issuing(files_, clock_, random_, safe, *request, {}, nullptr);
    ASSERT_TRUE(made.ok()) << made.error().message;
    EXPECT_TRUE(made->limits_use && made->for_client && !made->for_server);
    SignedIssuing by{crypto::to_pem(*made), "", "", "people"};
    ASSERT_TRUE(install_issuing(files_, clock_, options_, by).ok());
    auto ca = *open();
    EXPECT_EQ(issuer_of(ca->issue_user("ada", key_.public_key().spki(), a_day)), made->subject_cn);
    EXPECT_EQ(ca->issuing_for(Purpose::devices), ca->issuing());

    // Declared for more than its certificate allows, it does not start; and isn't put in place.
    options_.issuers[0].purposes.add(Purpose::servers);
    EXPECT_EQ(open().error().code, Errc::invalid_input);
    by.key = "file:" + file("authority-people.key");
    const auto installed = install_issuing(files_, clock_, options_, by);
    ASSERT_FALSE(installed.ok());
    EXPECT_NE(installed.error().message.find("extended key usage"), std::string::npos)
        << installed.error().message;
}

TEST(Issuers, that_make_no_sense_are_refused_in_words) {
    struct Row {
        std::vector<IssuerOrder> issuers;
        const char* says;
    };
    const auto people = for_only({Purpose::operators});
    const Row rows[] = {
        {{{"North", people}}, "name"},
        {{{"", people}}, "name"},
        {{{"a-name-of-21-letters-", people}}, "name"},
        {{{"people", people}, {"people", people}}, "twice"},
        {{{"people", people, {"north"}}}, "no site"},
    };
    for (const Row& row : rows) {
        const auto checked = check(row.issuers);
        ASSERT_FALSE(checked.ok()) << row.says;
        EXPECT_NE(checked.error().message.find(row.says), std::string::npos)
            << checked.error().message;
    }
    EXPECT_FALSE(Purposes::from(std::vector<std::string>{}).ok());
    EXPECT_FALSE(Purposes::from(std::vector<std::string>{"device"}).ok());
    EXPECT_EQ(Purposes::from(std::vector<std::string>{"code", "devices"})->text(), "devices, code");
}

}  // namespace
}  // namespace mw::identity
