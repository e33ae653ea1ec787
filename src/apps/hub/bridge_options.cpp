#include "apps/hub/bridge_options.h"

#include <algorithm>

#include "apps/hub/secret_file.h"
#include "base/log.h"

namespace mw::hub {
namespace {

std::vector<config::Section> describe_topic(BridgeTopicConfig& topic) {
    config::Section section("");
    section
        .row("filter", topic.filter,
             {.min = 1, .help = "topic filter as pump/#, between prefix and end of a topic"})
        .row("direction", topic.direction,
             {.one_of = {"in", "out", "both"}, .help = "in: from the remote broker to this hub"})
        .row("qos", topic.qos, {.min = 0, .max = 2, .help = "at most this QoS"})
        .row("local_prefix", topic.local_prefix, {.help = "what stands in front here, as plant-1/"})
        .row("remote_prefix", topic.remote_prefix, {.help = "what stands in front there"});
    return {section};
}

Error wrong_bridge(std::size_t index, std::string_view what) {
    return {Errc::invalid_input,
            "mqtt.bridges[" + std::to_string(index) + "]." + std::string(what)};
}

bool is_loopback(const std::string& host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool is_name(const std::string& name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

std::vector<mqtt::BridgeTopic> topics_of(const BridgeConfig& bridge) {
    std::vector<mqtt::BridgeTopic> topics;
    for (const BridgeTopicConfig& topic : bridge.topics) {
        const auto direction = topic.direction == "in"    ? mqtt::BridgeDirection::in
                               : topic.direction == "out" ? mqtt::BridgeDirection::out
                                                          : mqtt::BridgeDirection::both;
        topics.push_back({topic.filter, direction, static_cast<mqtt::QoS>(topic.qos),
                          topic.local_prefix, topic.remote_prefix});
    }
    return topics;
}

Result<> check_one(std::size_t index, const BridgeConfig& bridge) {
    if (!is_name(bridge.name))
        return wrong_bridge(index, "name: want one of lower case letters, digits and -");
    if (bridge.host.empty())
        return wrong_bridge(index, "host: want the name or address of the remote broker");
    if (bridge.cert_file.empty() != bridge.key_file.empty())
        return wrong_bridge(index, "tls.key_file: a certificate and its key belong together");
    if (!bridge.tls() && (!bridge.cert_file.empty() || !bridge.server_name.empty()))
        return wrong_bridge(index, "tls.ca_file: TLS wants the certificate of whom to trust");
    if (bridge.tls() && bridge.insecure)
        return wrong_bridge(index, "insecure: the bridge uses TLS; take the key out");
    if (!bridge.tls() && !bridge.insecure && !is_loopback(bridge.host))
        return wrong_bridge(index,
                            "tls.ca_file: without TLS anybody on the way can read and change what "
                            "is sent; give the CA of " +
                                bridge.host + ", or say insecure: true");
    if (bridge.user.empty() && !bridge.password_file.empty())
        return wrong_bridge(index, "user: a password wants a user");
    if (auto map = mqtt::BridgeMap::make(topics_of(bridge)); !map)
        return wrong_bridge(index, map.error().message);
    return {};
}

}  // namespace

std::vector<config::Section> describe(BridgeConfig& bridge) {
    config::Section section("");
    section.row("name", bridge.name, {.min = 1, .max = 32, .help = "its identity is bridge:NAME"})
        .row("host", bridge.host, {.help = "name or address of the remote broker"})
        .row("port", bridge.port, {.help = "its port; 0: 8883, or 1883 without TLS"})
        .row("insecure", bridge.insecure,
             {.help = "without TLS to another machine: anybody on the way can read and change it"})
        .row("version", bridge.version, {.one_of = {"5", "3.1.1"}, .help = "of MQTT"})
        .row("client_id", bridge.client_id,
             {.max = 200, .help = "at both brokers; empty: mw-ID-NAME with the hub's own ID"})
        .row("user", bridge.user, {.help = "user name for the remote broker"})
        .row("password_file", bridge.password_file,
             {.help = "file with its password, which nobody else may read (mode 0600)"})
        .row("keep_alive", bridge.keep_alive,
             {.min = 5, .max = 3'600, .help = "silence after which the connection is given up"})
        .row("session_expiry", bridge.session_expiry,
             {.min = 60, .help = "how long the remote broker keeps what it owes us"})
        .objects("topics", bridge.topics, describe_topic,
                 {.min = 1,
                  .max = mqtt::bridge_topics_max,
                  .help = "what is carried; the first that fits a topic counts"});
    config::Section tls("tls", "The connection to the remote broker");
    tls.row("ca_file", bridge.ca_file,
            {.help = "PEM certificates that may vouch for it; empty: no TLS"})
        .row("cert_file", bridge.cert_file, {.help = "our certificate there, PEM"})
        .row("key_file", bridge.key_file, {.help = "and its key"})
        .row("server_name", bridge.server_name,
             {.help = "name in its certificate; empty: the host"});
    return {section, tls};
}

Result<> check(const std::vector<BridgeConfig>& bridges) {
    for (std::size_t i = 0; i < bridges.size(); ++i) {
        TRY_VOID(check_one(i, bridges[i]));
        for (std::size_t j = 0; j < i; ++j)
            if (bridges[j].name == bridges[i].name)
                return wrong_bridge(i, "name: '" + bridges[i].name + "' is taken already");
    }
    return {};
}

Result<mqtt::BridgeOptions> bridge_options(const BridgeConfig& bridge, files::Files& files,
                                           const std::string& directory, std::string broker_id) {
    const auto path = [&](const std::string& name) {
        return name.empty() || name.starts_with('/') ? name : files::join(directory, name);
    };
    mqtt::BridgeOptions options;
    options.name = bridge.name;
    options.host = bridge.host;
    options.port =
        bridge.port != 0 ? bridge.port : static_cast<std::uint16_t>(bridge.tls() ? 8883 : 1883);
    options.server_name = bridge.server_name;
    options.version = bridge.version == "5" ? mqtt::Version::v5 : mqtt::Version::v3_1_1;
    options.client_id = !bridge.client_id.empty()
                            ? bridge.client_id
                            : "mw-" + broker_id.substr(0, 8) + "-" + bridge.name;
    if (!bridge.user.empty()) options.user_name = bridge.user;
    if (!bridge.password_file.empty()) {
        TRY(options.password, read_secret(files, path(bridge.password_file))
                                  .context("mqtt.bridges, " + bridge.name + ", password_file"));
    }
    options.keep_alive_s = static_cast<std::uint16_t>(bridge.keep_alive.count());
    options.session_expiry = bridge.session_expiry;
    options.topics = topics_of(bridge);
    options.broker_id = std::move(broker_id);
    if (!bridge.tls()) return options;
    const net::TlsFiles tls{
        path(bridge.cert_file), path(bridge.key_file), path(bridge.ca_file), {}};
    // Read before each connection, so that a renewed certificate is used from the next one on.
    options.tls = [tls]() -> Result<std::shared_ptr<const net::TlsContext>> {
        TRY(auto read, net::read_tls_files(tls));
        return net::TlsContext::client(std::move(read));
    };
    if (auto usable = options.tls(); !usable)
        return std::move(usable).error().context("mqtt.bridges, " + bridge.name + ", tls");
    return options;
}

void tell_risks(const std::vector<BridgeConfig>& bridges) {
    for (const BridgeConfig& bridge : bridges)
        if (bridge.insecure)
            log::warn("hub.bridge.plain",
                      {{"bridge", bridge.name},
                       {"remote", bridge.host},
                       {"what",
                        "MQTT without TLS to another machine: anybody on the way can read "
                        "and change it"},
                       {"remedy", "tls.ca_file instead of insecure"}});
}

}  // namespace mw::hub
