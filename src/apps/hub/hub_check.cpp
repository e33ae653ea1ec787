#include "apps/hub/hub_check.h"

#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "apps/hub/hub_check_authorities.h"
#include "apps/hub/secret_file.h"
#include "platform/crypto/crypto.h"

namespace mw::hub {
namespace {

constexpr nanoseconds soon_ended = hours(30 * 24);
constexpr std::size_t check_file_max = 64 << 20;

class SettingsLook {
 public:
    SettingsLook(const HubOptions& options, const Machine& machine)
        : o_(options), machine_(machine) {}

    std::vector<Finding> all() {
        look_at_listeners();
        look_at_broker();
        look_at_people();
        look_at_logs();
        look_at_files();
        look_at_keys();
        look_at_certificates();
        std::ranges::move(look_at_authorities(o_, machine_.now), std::back_inserter(found_));
        look_at_machine();
        std::ranges::stable_sort(found_, std::ranges::greater{}, &Finding::weight);
        return std::move(found_);
    }

 private:
    void add(Weight weight, std::string about, std::string says, std::string next = "") {
        found_.push_back({weight, std::move(about), std::move(says), std::move(next)});
    }
    std::string file(const std::string& name) const {
        return name.starts_with('/') ? name : files::join(o_.directory, name);
    }
    bool is_open() const { return o_.listen != "127.0.0.1" && o_.listen != "::1"; }

    void look_at_listeners() {
        if (is_open())
            add(Weight::note, "listen.address",
                "reachable from the network at " + o_.listen + ", by certificate or token");
        const auto plain = [this](std::uint16_t port, const char* key, const char* says) {
            if (port != 0) add(Weight::risk, key, says, "set it to 0 when nobody needs it");
        };
        plain(o_.plain_mqtt_port, "listen.plain_mqtt",
              "MQTT without TLS on loopback: every local process may publish and subscribe");
        plain(o_.plain_websocket_port, "listen.plain_websocket",
              "MQTT over WebSocket without TLS on loopback: every local process may publish and "
              "subscribe, and so may pages of websocket_origins");
        plain(o_.plain_api_port, "listen.plain_api",
              "HTTP without TLS on loopback: who may capture there reads tokens");
        if (o_.status_port != 0)
            add(Weight::note, "listen.status",
                "lists of revoked certificates and OCSP without TLS, as is usual: they are signed");
        for (const auto& origin : o_.websocket_origins)
            if (!origin.starts_with("https://"))
                add(Weight::risk, "listen.websocket_origins",
                    origin + ": a page without TLS can be changed on its way, and connect then",
                    "serve it by https://");
    }

    void look_at_broker() {
        if (!o_.durable_sessions)
            add(Weight::risk, "mqtt.durable_sessions",
                "off: sessions and what they are owed end with the hub, also at a power cut",
                "take the key out");
        if (o_.mqtt.connect_rate.per_second == 0)
            add(is_open() ? Weight::risk : Weight::note, "mqtt.connects_per_second",
                "0: one address may begin any number of TLS handshakes",
                "take the key out; loopback is exempt anyway");
        if (!o_.redirect.server.empty())
            add(Weight::note, "mqtt.redirect.server",
                "every MQTT client is sent to " + o_.redirect.server);
        for (const auto& bridge : o_.bridges) {
            if (bridge.insecure)
                add(Weight::danger, "mqtt.bridges",
                    "bridge " + bridge.name + " speaks without TLS to " + bridge.host +
                        ": anybody on the way can read and change it" +
                        (bridge.user.empty() ? "" : ", the password as well"),
                    "tls.ca_file instead of insecure");
            secret("mqtt.bridges", bridge.password_file);
            secret("mqtt.bridges", bridge.key_file);
        }
        secret("mqtt.scram_credentials", o_.scram_credentials);
    }

    void look_at_people() {
        if (o_.oidc.issuer.empty()) {
            add(Weight::note, "oidc.issuer",
                "people log in with tokens of this hub, which somebody has to take back when they "
                "leave");
            return;
        }
        if (!o_.oidc.issuer.starts_with("https://"))
            add(Weight::risk, "oidc.issuer",
                "without TLS on loopback: every local process that takes the port is the provider",
                "serve the provider by https://");
        if (o_.oidc.name_claim != "sub")
            add(Weight::risk, "oidc.name_claim",
                o_.oidc.name_claim +
                    " names people: if a person may change it at the provider, "
                    "they may become somebody else",
                "make sure that they can't, or use sub");
        for (const auto& role : o_.oidc.roles)
            if (role.ends_with("=admin"))
                add(Weight::note, "oidc.roles",
                    "the provider decides who is an administrator here: " + role);
    }

    void look_at_logs() {
        if (o_.log_level == "off" || o_.log_level == "error")
            add(Weight::risk, "log.level", o_.log_level + ": what degrades is not told",
                "want warn or info");
        if (o_.audit_targets.empty())
            add(Weight::note, "audit.forward",
                "audit facts are on this machine only; who takes it can't change what was signed, "
                "but can destroy it");
        for (const auto& target : o_.audit_targets) {
            secret("audit.forward", target.secret_file);
            secret("audit.forward", target.key_file);
        }
        if (o_.keep.count() == 0)
            add(Weight::note, "history.keep", "0: what no data product limits is kept for ever");
    }

    // A file that nobody but its owner may read.
    void secret(const std::string& about, const std::string& name) {
        if (name.empty() || !others_may_read(file(name))) return;
        add(Weight::danger, about, file(name) + ": others may read this secret",
            "chmod 600 " + file(name) + ", and a new secret if others were here");
    }

    void look_at_files() {
        namespace fs = std::filesystem;
        std::error_code failed;
        const auto mode = fs::status(o_.directory, failed).permissions();
        if (!failed && (mode & fs::perms::others_write) != fs::perms::none)
            add(Weight::danger, o_.directory, "everybody on this machine may put files here",
                "chmod 750 " + o_.directory);
        secret("authority.token_pin_file", o_.token_pin_file);
        secret("admin.token", "admin.token");
        if (fs::exists(file("admin.token"), failed))
            add(Weight::risk, file("admin.token"), "a token of the administrator that never ends",
                "make a user or log in with --oidc, then: millwright user revoke admin, and remove "
                "the file");
        fs::directory_iterator pki(file("pki"), failed);
        if (failed) return;
        for (const auto& entry : pki)
            if (entry.path().extension() == ".key") secret("pki", entry.path().string());
    }

    // Who takes the machine takes what lies on it.
    void look_at_keys() {
        std::error_code failed;
        if (std::filesystem::exists(file("pki/root.key"), failed))
            add(Weight::risk, file("pki/root.key"),
                "who takes this machine can make authorities that every device trusts",
                "move it to a safe; it is needed again when the issuing authority ends");
        for (const char* name : {"pki/issuing", "pki/root"}) {
            files::RealFiles files;
            const auto uri = files::read_all(files, file(name + std::string(".uri")), 4096);
            if (uri && text_of(*uri).starts_with("file:"))
                secret("pki", std::string(text_of(*uri).substr(5, text_of(*uri).find('\n') - 5)));
        }
        if (is_open() && std::filesystem::exists(file("pki/issuing.key"), failed))
            add(Weight::risk, file("pki/issuing.key"),
                "the issuing authority's key lies in a file of a host that the network reaches: "
                "who takes the host can sign devices of his own",
                "keep it in a token (PKCS#11): millwright ca request --key pkcs11:...");
    }

    void certificate(const char* name, const char* next) {
        files::RealFiles files;
        const auto pem = files::read_all(files, file(name), check_file_max);
        if (!pem) return;
        const auto certificates = crypto::certificates_from_pem(text_of(*pem));
        if (!certificates || certificates->empty()) {
            add(Weight::danger, file(name), "can't be read as a certificate", next);
            return;
        }
        const auto end = certificates->front().not_after;
        if (end <= machine_.now)
            add(Weight::danger, file(name), "has ended, " + to_iso8601(end), next);
        else if (end - machine_.now < soon_ended)
            add(Weight::risk, file(name), "ends soon, " + to_iso8601(end), next);
    }

    void look_at_certificates() {
        certificate("pki/root.pem", "begin a new root before it ends, with both trusted meanwhile");
        certificate("pki/issuing.pem",
                    "start the hub with pki/root.key in place: it makes another");
    }

    void look_at_machine() {
        if (machine_.root)
            add(Weight::risk, "user",
                "the hub would run as root: a fault in it is one of the machine",
                "run it as a user of its own: packaging/systemd/millwright-hub.service");
        if (!machine_.clock_is_kept)
            add(Weight::risk, "clock",
                "nobody keeps this machine's clock; certificates, tokens and points are judged by "
                "it",
                "run chrony or systemd-timesyncd");
        std::error_code failed;
        const auto written = std::filesystem::last_write_time(file("hub.json"), failed);
        if (failed) return;
        const auto then = std::chrono::file_clock::to_sys(written);
        const Timestamp at{
            std::chrono::duration_cast<nanoseconds>(then.time_since_epoch()).count()};
        if (at - machine_.now > minutes(5))
            add(Weight::danger, "clock",
                "the hub ran at " + to_iso8601(at) +
                    ", which is in the future: what had ended "
                    "counts again",
                "set the clock before the hub starts");
    }

    const HubOptions& o_;
    const Machine& machine_;
    std::vector<Finding> found_;
};

}  // namespace

std::string_view weight_name(Weight weight) {
    switch (weight) {
        case Weight::danger:
            return "danger";
        case Weight::risk:
            return "risk";
        case Weight::note:
            break;
    }
    return "note";
}

Machine this_machine() {
    Machine machine;
    machine.root = ::geteuid() == 0;
    timex clock{};
    machine.clock_is_kept = ::adjtimex(&clock) != TIME_ERROR;
    machine.now = RealClock{}.now();
    return machine;
}

std::vector<Finding> findings(const HubOptions& options, const Machine& machine) {
    return SettingsLook(options, machine).all();
}

bool is_dangerous(const std::vector<Finding>& findings) {
    return std::ranges::any_of(findings,
                               [](const Finding& f) { return f.weight == Weight::danger; });
}

Json findings_json(const std::vector<Finding>& findings) {
    JsonArray items;
    for (const auto& finding : findings)
        items.push_back(JsonObject{{"weight", weight_name(finding.weight)},
                                   {"about", finding.about},
                                   {"says", finding.says},
                                   {"next", finding.next}});
    return JsonObject{{"dangerous", is_dangerous(findings)}, {"items", std::move(items)}};
}

std::string findings_text(const std::vector<Finding>& findings) {
    std::string text;
    for (const auto& finding : findings) {
        std::string weight(weight_name(finding.weight));
        weight.resize(8, ' ');
        text += weight + finding.about + ": " + finding.says + "\n";
        if (!finding.next.empty()) text += "        Next step: " + finding.next + "\n";
    }
    return text + (is_dangerous(findings) ? "This hub should not run so.\n"
                                          : "The configuration is valid.\n");
}

}  // namespace mw::hub
