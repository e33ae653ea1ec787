#include "apps/hub/hub_options.h"

#include "platform/files/files.h"

namespace mw::hub {
namespace {

config::Section sparkplug_section(sparkplug::HostOptions& o) {
    config::Section section("sparkplug", "Sparkplug B edge nodes");
    section
        .row("host_id", o.host_id,
             {.max = 100, .help = "of the retained STATE that edge nodes wait for; empty: none"})
        .row("reorder_timeout", o.reorder_timeout,
             {.min = 0, .help = "how long messages wait for one before them that has not come"})
        .row("rebirth_every", o.rebirth_every,
             {.min = 1, .help = "a node is asked to be born again at most so often"})
        .row("birth_timeout", o.birth_timeout,
             {.min = 1, .help = "devices not born so long after their node are stale"});
    return section;
}

constexpr const char* signal_forms[] = {"measurement.field", "measurement_field", "field"};

config::Section oidc_section(HubOptions& hub) {
    oidc::Options& o = hub.oidc;
    config::Section section("oidc", "People whom an OpenID provider vouches for");
    section
        .row("issuer", o.issuer,
             {.max = 500, .help = "its https:// address, letter by letter; empty: nobody"})
        .row("audience", o.audience, {.max = 500, .help = "what its tokens name this hub"})
        .row("ca_file", hub.oidc_ca_file,
             {.help = "PEM certificates that vouch for it; empty: those of the system"})
        .row("name_claim", o.name_claim, {.max = 200, .help = "claim that names a person"})
        .row("roles_claim", o.roles_claim,
             {.max = 200, .help = "claim with their groups; dots go inside"})
        .row("roles", o.roles,
             {.max = 200,
              .help = "THEIRS=OURS, a group and the role that it gives; all others give nothing"})
        .row("client_id", o.client_id,
             {.max = 200,
              .help = "of the public client that 'millwright login --oidc' is at the provider; "
                      "empty: it can't be used"})
        .row("scopes", o.scopes, {.max = 20, .help = "what such a login asks for"})
        .row("resource", o.resource,
             {.max = 500,
              .help = "whom its tokens are for (RFC 8707), as urn:millwright:plant; empty: the "
                      "provider knows by client and scopes"});
    return section;
}

constexpr std::size_t issuers_max = 16;

std::vector<config::Section> describe(IssuerConfig& issuer) {
    config::Section section("");
    section.row("name", issuer.name, {.min = 1, .max = 20, .help = "of its files in pki"})
        .row("for", issuer.purposes,
             {.min = 1, .max = 5, .help = "of devices, gateways, servers, operators, code"})
        .row("sites", issuer.sites,
             {.max = 1000,
              .help = "issues for devices whose enrolment group has one of these sites"})
        .row("groups", issuer.groups,
             {.max = 1000, .help = "or is one of these; both empty: for all"})
        .row("issues", issuer.issues,
             {.help = "false: what it issued counts until it ends, and it issues nothing new"});
    return {section};
}

config::Section authority_section(HubOptions& o) {
    config::Section section("authority", "Who issues certificates, and keys in a token (PKCS#11)");
    section
        .row("token_module", o.token_module,
             {.max = 500,
              .help = "the vendor's library, as /usr/lib/softhsm/libsofthsm2.so; which keys are in "
                      "the token is said by 'millwright ca'; empty: none"})
        .row("token_pin_file", o.token_pin_file,
             {.max = 500, .help = "file with the token's PIN, mode 0600, from DATA on"})
        .row("for", o.issuing_for,
             {.max = 5,
              .help = "what the default issuing authority vouches for; certificates of anything "
                      "else that it issued are refused"})
        .objects("issuing", o.issuers, [](IssuerConfig& issuer) { return describe(issuer); },
                 {.max = issuers_max,
                  .help = "issuing authorities beside it; each has a key of its own, and its "
                          "certificate says what it may be used for"});
    return section;
}

config::Section audit_section(HubOptions& o) {
    config::Section section("audit", "The log of what was done");
    section.objects("forward", o.audit_targets,
                    [](AuditTargetConfig& target) { return describe(target); },
                    {.max = forward::targets_max,
                     .help = "where its facts are sent as they come; paths begin in DATA"});
    return section;
}

config::Section lines_section(LineOptions& lines) {
    config::Section section("lines", "InfluxDB line protocol over HTTP");
    section
        .row("device_tags", lines.device_tags,
             {.help = "the first of these tags that a line has names its device; without any it is "
                      "?device= or the token's user"})
        .row("signal", lines.signal,
             {.one_of = {std::begin(signal_forms), std::end(signal_forms)},
              .help = "the name of a signal; tags that name no device follow it"});
    return section;
}

config::Section listen_section(HubOptions& o) {
    config::Section listen("listen", "Addresses and ports");
    listen.row("address", o.listen, {.help = "address of the TLS listeners; 0.0.0.0 is all"})
        .row("mqtt", o.mqtt_port, {.help = "MQTT over TLS with client certificates; 0: any free"})
        .row(
            "websocket", o.websocket_port,
            {.help = "MQTT over WebSocket and TLS, path /mqtt, the same certificates; 0: any free"})
        .row("api", o.api_port, {.help = "HTTPS API and live page for people; 0: any free"})
        .row("devices", o.devices_port, {.help = "HTTPS for devices: enrolment, downloads"})
        .row("plain_mqtt", o.plain_mqtt_port, {.help = "MQTT without TLS, loopback only; 0: off"})
        .row("plain_websocket", o.plain_websocket_port,
             {.help = "MQTT over WebSocket without TLS, loopback only; 0: off"})
        .row("plain_api", o.plain_api_port, {.help = "HTTP without TLS, loopback only; 0: off"})
        .row("status", o.status_port,
             {.help = "lists of revoked certificates and OCSP without TLS, as is usual: what is "
                      "told is signed; 0: off, the devices listener tells it too"})
        .row(
            "websocket_origins", o.websocket_origins,
            {.help = "pages that may connect by WebSocket, as https://tools.example:8080; those of "
                     "the address they connect to may anyway"});
    return listen;
}

config::Section server_section(HubOptions& o) {
    config::Section server("server", "The hub's own certificate");
    server.row("names", o.names, {.help = "DNS names that clients use"})
        .row("addresses", o.addresses, {.help = "IP addresses that clients use"})
        .row("status_url", o.status_url,
             {.max = 200,
              .help = "where certificates say that their status is told, as http://hub.example:80; "
                      "empty: http://NAME:PORT of listen.status, or nothing without it"});
    return server;
}

// What a session whose client is absent or slow may take.
void add_queues(config::Section& mqtt, HubOptions& o) {
    mqtt.row("slow_consumers", o.slow_consumers,
             {.one_of = {"drop", "spill"},
              .help = "when a session's queue is full in memory: drop its oldest messages, and who "
                      "is connected; or leave them on disk, with durable_sessions"})
        .row("queued_bytes", o.mqtt.queued_bytes,
             {.unit = "bytes", .min = 65'536, .help = "memory for the queue of a session"})
        .row("queued_bytes_in_all", o.mqtt.queued_bytes_in_all,
             {.unit = "bytes", .min = 1 << 20, .help = "and of all together"})
        .row("spilled_bytes", o.mqtt.spilled_bytes,
             {.unit = "bytes", .min = 65'536, .help = "on disk for the queue of a session"})
        .row("spilled_bytes_in_all", o.mqtt.spilled_bytes_in_all,
             {.unit = "bytes", .min = 1 << 20, .help = "and of all together"})
        .row("spilled_messages", o.mqtt.spilled_messages,
             {.unit = "messages",
              .min = 1,
              .help = "on disk for a session; each takes about 200 bytes of memory"})
        .row("spilled_messages_in_all", o.mqtt.spilled_messages_in_all,
             {.unit = "messages", .min = 1, .help = "and of all together"});
}

}  // namespace

line_protocol::Naming LineOptions::naming() const {
    using line_protocol::SignalForm;
    const SignalForm form = signal == signal_forms[0]   ? SignalForm::dot
                            : signal == signal_forms[1] ? SignalForm::underscore
                                                        : SignalForm::field;
    return {device_tags, form};
}

std::vector<config::Section> describe(HubOptions& o) {
    config::Section history("history", "Points and decisions");
    history
        .row(
            "seal_points", o.history.seal_points,
            {.unit = "points", .min = 1000, .help = "seal a segment when the head holds this many"})
        .row("seal_age", o.history.seal_age, {.min = 1, .help = "or its oldest is this old"})
        .row("head_bytes_max", o.history.head_bytes_max,
             {.unit = "bytes", .min = 1 << 20, .help = "memory; then clients are slowed down"})
        .row("compact_every", o.history.compact_every,
             {.min = 1, .help = "how often files are looked through for what to merge"})
        .row("keep", o.keep,
             {.min = 0,
              .help = "points of no data product with a retention, and decisions, go when they are "
                      "older; 0: never"});
    config::Section mqtt("mqtt", "The broker");
    mqtt.row("durable_sessions", o.durable_sessions,
             {.help = "sessions and what they are owed survive a power cut"})
        .row("loops", o.mqtt_loops,
             {.min = 1,
              .max = mqtt::Broker::loops_max,
              .help = "threads that carry sessions and read what comes; more than 1 only if one is "
                      "too busy"})
        .row("scram_credentials", o.scram_credentials,
             {.help = "file of services and users that must prove a password by SCRAM-SHA-256 "
                      "besides their certificate (millwright mqtt credential); empty: nobody must"})
        .row("sys_every", o.mqtt.sys_every,
             {.min = 0, .help = "between values of the $SYS topics; 0: never"})
        .row("connects_per_second", o.mqtt.connect_rate.per_second,
             {.max = 100'000,
              .help = "new connections of one address, loopback exempt; 0: any number"})
        .row("connects_at_once", o.mqtt.connect_rate.burst,
             {.min = 1, .max = 1'000'000, .help = "and so many more after a pause"})
        .objects(
            "bridges", o.bridges, [](BridgeConfig& bridge) { return describe(bridge); },
            {.max = bridges_max,
             .help = "other brokers to and from which messages are carried; paths begin in DATA"});
    add_queues(mqtt, o);
    config::Section redirect("mqtt.redirect", "While clients move to another server");
    redirect
        .row("server", o.redirect.server,
             {.max = mqtt::server_reference_bytes_max,
              .help = "every MQTT client is refused and, with MQTT 5, told to go there, as "
                      "hub-2.example:8883; empty: they may come in"})
        .row("moved", o.redirect.moved, {.help = "and for good"});
    config::Section query("query", "SQL");
    query.row("threads", o.query_threads,
              {.min = 0, .max = 64, .help = "per statement; 0: one less than there are cores"});
    config::Section log("log", "Log lines on standard error");
    log.row("level", o.log_level,
            {.one_of = {"debug", "info", "warn", "error", "off"}, .help = "least level shown"})
        .row("format", o.log_format, {.one_of = {"text", "json"}, .help = "form of a line"});
    return {listen_section(o),
            server_section(o),
            history,
            mqtt,
            redirect,
            sparkplug_section(o.sparkplug),
            lines_section(o.lines),
            oidc_section(o),
            authority_section(o),
            audit_section(o),
            query,
            log};
}

Result<> declare_issuers(const HubOptions& hub, identity::AuthorityOptions& authority) {
    TRY(authority.purposes, identity::Purposes::from(hub.issuing_for).context("authority.for"));
    authority.issuers.clear();
    for (std::size_t i = 0; i < hub.issuers.size(); ++i) {
        const IssuerConfig& each = hub.issuers[i];
        TRY(const auto purposes, identity::Purposes::from(each.purposes)
                                     .context("authority.issuing[" + std::to_string(i) + "].for"));
        authority.issuers.push_back({each.name, purposes, each.sites, each.groups, each.issues});
    }
    return identity::check(authority.issuers);
}

Result<> read_config(HubOptions& options) {
    files::RealFiles files;
    const std::string path = files::join(options.directory, "hub.yaml");
    TRY(const auto size, files.size(path));
    if (!size) return {};
    TRY(const Bytes bytes, files::read_all(files, path, 1 << 20));
    const auto sections = describe(options);
    TRY_VOID(config::read(text_of(bytes), sections).context(path));
    if (options.sparkplug.host_id.find_first_of("/+#") != std::string::npos)
        return Error{Errc::invalid_input,
                     path + ": sparkplug.host_id: one level of a topic, without / + #"};
    const std::string& url = options.status_url;
    if (!url.empty() && (!url.starts_with("http://") || url.ends_with('/')))
        return Error{Errc::invalid_input,
                     path +
                         ": server.status_url: want http://HOST[:PORT][/PATH] without a slash at "
                         "the end"};
    identity::AuthorityOptions declared;
    TRY_VOID(declare_issuers(options, declared).context(path));
    TRY_VOID(oidc::check(options.oidc).context(path));
    TRY_VOID(check(options.audit_targets).context(path));
    return check(options.bridges).context(path);
}

}  // namespace mw::hub
