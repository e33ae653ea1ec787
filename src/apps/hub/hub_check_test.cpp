#include "apps/hub/hub_check.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace mw::hub {
namespace {

class HubCheck : public testing::Test {
 protected:
    files::TemporaryDirectory folder = *files::TemporaryDirectory::make();
    HubOptions options = made();
    Machine machine{false, true, RealClock{}.now()};

    HubOptions made() {
        HubOptions o;
        o.directory = folder.path();
        EXPECT_EQ(::chmod(o.directory.c_str(), 0750), 0);
        return o;
    }
    void put(const std::string& name, mode_t mode, const std::string& text = "x\n") {
        files::RealFiles files;
        const auto path = folder.path() + "/" + name;
        EXPECT_TRUE(files.make_directories(files::parent_of(path)).ok());
        std::ofstream(path) << text;
        EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    }
    // The weight of what is said about a key or file; nothing if nothing is.
    std::optional<Weight> weight(const std::string& about) {
        for (const auto& finding : findings(options, machine))
            if (finding.about.ends_with(about)) return finding.weight;
        return std::nullopt;
    }
};

TEST_F(HubCheck, a_hub_as_it_comes_is_not_dangerous) {
    const auto found = findings(options, machine);
    EXPECT_FALSE(is_dangerous(found)) << findings_text(found);
    for (const auto& finding : found) EXPECT_EQ(finding.weight, Weight::note) << finding.says;
    EXPECT_NE(findings_text(found).find("The configuration is valid."), std::string::npos);
}

// A hub that only its own machine reaches may keep its authority's key in a file; another one is
// told.
TEST_F(HubCheck, an_authoritys_key_in_a_file_of_an_open_host_is_a_risk) {
    put("pki/issuing.key", 0600);
    EXPECT_EQ(weight("pki/issuing.key"), std::nullopt);
    options.listen = "0.0.0.0";
    EXPECT_EQ(weight("pki/issuing.key"), Weight::risk);
    std::filesystem::remove(folder.path() + "/pki/issuing.key");
    put("pki/issuing.uri", 0644, "pkcs11:token=plant;object=issuing\n");
    EXPECT_EQ(weight("pki/issuing.key"), std::nullopt);
    // Wherever the key is, others may not read it; nor the PIN.
    put("elsewhere.key", 0644);
    put("pki/issuing.uri", 0644, "file:" + folder.path() + "/elsewhere.key\n");
    EXPECT_EQ(weight("pki"), Weight::danger);
    EXPECT_EQ(::chmod((folder.path() + "/elsewhere.key").c_str(), 0600), 0);
    EXPECT_EQ(weight("pki"), std::nullopt);
    options.token_pin_file = "token.pin";
    put("token.pin", 0640);
    EXPECT_EQ(weight("authority.token_pin_file"), Weight::danger);
}

TEST_F(HubCheck, each_risky_setting_is_told_with_its_next_step) {
    struct Row {
        const char* about;
        Weight weight;
        std::function<void()> set;
    };
    const Row rows[] = {
        {"listen.address", Weight::note, [&] { options.listen = "0.0.0.0"; }},
        {"listen.plain_mqtt", Weight::risk, [&] { options.plain_mqtt_port = 1883; }},
        {"listen.plain_websocket", Weight::risk, [&] { options.plain_websocket_port = 9001; }},
        {"listen.plain_api", Weight::risk, [&] { options.plain_api_port = 8080; }},
        {"listen.status", Weight::note, [&] { options.status_port = 80; }},
        {"listen.websocket_origins", Weight::risk,
         [&] {
             options.websocket_origins = {"https://a.example", "http://b.example"};
         }},
        {"mqtt.durable_sessions", Weight::risk, [&] { options.durable_sessions = false; }},
        {"mqtt.connects_per_second", Weight::risk,
         [&] { options.listen = "::", options.mqtt.connect_rate.per_second = 0; }},
        {"mqtt.redirect.server", Weight::note, [&] { options.redirect.server = "b:8883"; }},
        {"mqtt.bridges", Weight::danger, [&] { options.bridges.emplace_back().insecure = true; }},
        {"mqtt.scram_credentials", Weight::danger,
         [&] { put("scram", 0640), options.scram_credentials = "scram"; }},
        {"oidc.issuer", Weight::risk, [&] { options.oidc.issuer = "http://localhost:9"; }},
        {"oidc.name_claim", Weight::risk,
         [&] { options.oidc.issuer = "https://id", options.oidc.name_claim = "email"; }},
        {"oidc.roles", Weight::note,
         [&] { options.oidc.issuer = "https://id", options.oidc.roles = {"bosses=admin"}; }},
        {"log.level", Weight::risk, [&] { options.log_level = "off"; }},
        {"audit.forward", Weight::danger,
         [&] {
             put("hook", 0604);
             AuditTargetConfig hook;
             hook.secret_file = "hook";
             options.audit_targets = {hook};
         }},
        {"admin.token", Weight::danger, [&] { put("admin.token", 0644); }},
        {"/admin.token", Weight::risk, [&] { put("admin.token", 0600); }},
        {"pki", Weight::danger, [&] { put("pki/issuing.key", 0660); }},
        {"pki/root.key", Weight::risk, [&] { put("pki/root.key", 0600); }},
        {"pki/root.pem", Weight::danger, [&] { put("pki/root.pem", 0644); }},
        {"user", Weight::risk, [&] { machine.root = true; }},
        {"clock", Weight::risk, [&] { machine.clock_is_kept = false; }},
        {"clock", Weight::danger,
         [&] { put("hub.json", 0640), machine.now = machine.now - hours(24 * 3650); }},
        {"", Weight::danger, [&] { ASSERT_EQ(::chmod(folder.path().c_str(), 0777), 0); }},
    };
    for (const auto& row : rows) {
        options = made(), machine = {false, true, RealClock{}.now()};
        files::RealFiles files;
        for (const auto* name : {"admin.token", "pki/issuing.key", "pki/root.key", "pki/root.pem",
                                 "hub.json", "hook", "scram"})
            ignore(files.remove(folder.path() + "/" + name), "it may not be there");
        row.set();
        EXPECT_EQ(weight(row.about), row.weight) << row.about;
        for (const auto& finding : findings(options, machine))
            EXPECT_EQ(finding.next.empty(), finding.weight == Weight::note) << finding.says;
    }
}

TEST_F(HubCheck, what_is_dangerous_comes_first_and_programs_can_read_it) {
    put("admin.token", 0644);
    options.durable_sessions = false;
    const auto found = findings(options, machine);
    ASSERT_GE(found.size(), 3u);
    EXPECT_EQ(found[0].weight, Weight::danger);
    EXPECT_TRUE(is_dangerous(found));
    const Json json = findings_json(found);
    EXPECT_EQ(find_bool(json, "dangerous"), true);
    EXPECT_EQ(find_string(json.at("items").as_array()[0], "weight"), "danger");
    EXPECT_NE(findings_text(found).find("Next step: chmod 600 "), std::string::npos);
}

// What an authority's settings would do to those who have certificates is told before.
TEST_F(HubCheck, authorities_by_purpose_are_looked_at) {
    files::RealFiles files;
    RealClock clock;
    SystemRandom random;
    identity::AuthorityOptions wanted;
    wanted.directory = folder.path() + "/pki";
    const auto person = *crypto::PrivateKey::generate(crypto::KeyKind::p256);
    {
        auto ca = *identity::CertificateAuthority::open(files, clock, random, wanted);
        ASSERT_TRUE(ca->issue_user("ada", person.public_key().spki(), hours{24}).ok());
    }
    EXPECT_EQ(weight("authority.for"), std::nullopt);
    options.issuing_for = {"devices", "gateways", "servers", "code"};
    options.issuers = {{"people", {"operators"}, {}, {}, true}};
    EXPECT_EQ(weight("authority.for"), Weight::risk) << "ada is locked out";
    EXPECT_EQ(weight("authority-people.pem"), std::nullopt) << "the hub makes it";
    std::filesystem::rename(wanted.directory + "/root.key", folder.path() + "/away.key");
    EXPECT_EQ(weight("authority-people.pem"), Weight::danger) << "nobody can make it";
    std::filesystem::rename(folder.path() + "/away.key", wanted.directory + "/root.key");
    ASSERT_TRUE(declare_issuers(options, wanted).ok());
    ASSERT_TRUE(identity::CertificateAuthority::open(files, clock, random, wanted).ok());
    EXPECT_EQ(weight("authority-people.pem"), std::nullopt);
    machine.now = machine.now + hours{24} * 3640;
    EXPECT_EQ(weight("authority-people.pem"), Weight::risk) << "it ends soon";
    options.issuers.clear();
    EXPECT_EQ(weight("authority-people.pem"), Weight::risk) << "nobody declares it";
}

TEST_F(HubCheck, settings_of_authorities_that_make_no_sense_are_refused) {
    put("hub.yaml", 0640, "authority: {issuing: [{name: people, for: [operator]}]}\n");
    const auto unknown = read_config(options);
    ASSERT_FALSE(unknown.ok());
    EXPECT_NE(unknown.error().message.find("authority.issuing[0].for"), std::string::npos)
        << unknown.error().message;
    put("hub.yaml", 0640, "authority: {issuing: [{name: p, for: [operators], sites: [north]}]}\n");
    EXPECT_FALSE(read_config(options).ok());
    put("hub.yaml", 0640, "authority: {issuing: [{name: n, for: [devices], sites: [north]}]}\n");
    EXPECT_TRUE(read_config(options).ok());
}

}  // namespace
}  // namespace mw::hub
