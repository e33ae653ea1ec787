#include "apps/hub/audit_forward_options.h"

#include "apps/hub/secret_file.h"

namespace mw::hub {
namespace {

constexpr std::size_t webhook_secret_min = 16;
constexpr auto authorities_of_system = "/etc/ssl/certs/ca-certificates.crt";

forward::TargetOptions plain_target(const AuditTargetConfig& target) {
    forward::TargetOptions options;
    options.name = target.name;
    options.syslog = target.syslog;
    options.webhook = target.webhook;
    options.actions = target.actions;
    options.from_start = target.from == "start";
    return options;
}

}  // namespace

std::vector<config::Section> describe(AuditTargetConfig& target) {
    config::Section section("");
    section
        .row("name", target.name, {.min = 1, .max = 32, .help = "of its position and its metrics"})
        .row("syslog", target.syslog,
             {.max = 300,
              .help = "tls://HOST:6514, or tcp://127.0.0.1:601 to a relay on this machine"})
        .row("webhook", target.webhook,
             {.max = 1'000, .help = "or https://HOST/PATH that takes batches by POST"})
        .row("actions", target.actions,
             {.max = 100,
              .help = "only these, and those below them (enroll has enroll.refused); empty: all"})
        .row("from", target.from,
             {.one_of = {"now", "start"}, .help = "where a new target begins in the log"})
        .row("secret_file", target.secret_file,
             {.help = "file with the secret of the webhook's signatures (mode 0600)"})
        .row("ca_file", target.ca_file,
             {.help = "PEM certificates that may vouch for it; empty: those of the system"})
        .row("cert_file", target.cert_file, {.help = "our certificate there, PEM"})
        .row("key_file", target.key_file, {.help = "and its key"});
    return {section};
}

Result<> check(const std::vector<AuditTargetConfig>& targets) {
    std::vector<forward::TargetOptions> plain;
    for (const auto& target : targets) plain.push_back(plain_target(target));
    TRY_VOID(forward::check(plain));
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const std::string where = "audit.forward[" + std::to_string(i) + "].";
        if (targets[i].cert_file.empty() != targets[i].key_file.empty())
            return Error{Errc::invalid_input,
                         where + "key_file: a certificate and its key belong together"};
        if (!targets[i].webhook.empty() && targets[i].secret_file.empty())
            return Error{Errc::invalid_input,
                         where +
                             "secret_file: a webhook wants one, so that its receiver knows who "
                             "calls. Next step: openssl rand -hex 32 > hook.secret"};
        if (targets[i].webhook.empty() && !targets[i].secret_file.empty())
            return Error{Errc::invalid_input, where + "secret_file: is for a webhook"};
    }
    return {};
}

Result<std::vector<forward::TargetOptions>> forward_targets(
    const std::vector<AuditTargetConfig>& targets, files::Files& files,
    const std::string& directory) {
    const auto path = [&](const std::string& name) {
        return name.empty() || name.starts_with('/') ? name : files::join(directory, name);
    };
    std::vector<forward::TargetOptions> all;
    for (const auto& target : targets) {
        const std::string where = "audit.forward, " + target.name;
        auto options = plain_target(target);
        if (!target.secret_file.empty()) {
            TRY(options.secret,
                read_secret(files, path(target.secret_file)).context(where + ", secret_file"));
            if (options.secret.size() < webhook_secret_min)
                return Error{Errc::invalid_input,
                             where + ", secret_file: has fewer than 16 characters"};
        }
        const std::string ca =
            target.ca_file.empty() ? authorities_of_system : path(target.ca_file);
        const net::TlsFiles tls{path(target.cert_file), path(target.key_file), ca, {}};
        options.tls = [tls]() -> Result<std::shared_ptr<const net::TlsContext>> {
            TRY(auto read, net::read_tls_files(tls));
            return net::TlsContext::client(std::move(read));
        };
        const bool encrypted =
            target.syslog.starts_with("tls://") || target.webhook.starts_with("https://");
        if (encrypted)
            if (auto usable = options.tls(); !usable)
                return std::move(usable).error().context(where + ", ca_file");
        all.push_back(std::move(options));
    }
    return all;
}

}  // namespace mw::hub
