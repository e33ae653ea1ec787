#pragma once
// What a hub can be told, by flags and by DATA/hub.yaml. Plain data with the rows that describe it.

#include <cstdint>
#include <string>
#include <vector>

#include "apps/hub/audit_forward_options.h"
#include "apps/hub/bridge_options.h"
#include "base/config.h"
#include "base/log.h"
#include "data/history/history.h"
#include "protocols/line_protocol/line_protocol.h"
#include "protocols/mqtt/mqtt.h"
#include "protocols/sparkplug/sparkplug.h"
#include "trust/identity/identity.h"
#include "trust/oidc/oidc.h"

namespace mw::hub {

// An issuing authority beside the default one, as it is written in hub.yaml.
struct IssuerConfig {
    std::string name;
    std::vector<std::string> purposes, sites, groups;
    bool issues = true;
};

// How line protocol names devices and signals.
struct LineOptions {
    std::vector<std::string> device_tags = line_protocol::Naming{}.device_tags;
    std::string signal = "measurement.field";
    line_protocol::Naming naming() const;
};

struct HubOptions {
    std::string directory;
    std::string listen = "127.0.0.1";  // address of the TLS listeners
    std::uint16_t mqtt_port = 8883;    // 0: any free one
    std::uint16_t websocket_port = 8884;
    std::uint16_t api_port = 8443;
    std::uint16_t devices_port = 8444;
    // Without TLS, on loopback only, off unless asked for. 0: off.
    std::uint16_t plain_mqtt_port = 0;
    std::uint16_t plain_websocket_port = 0;
    std::uint16_t plain_api_port = 0;
    // Lists of revoked certificates and OCSP, without TLS for anybody who reaches `listen`.
    std::uint16_t status_port = 0;
    std::string status_url;         // what certificates name for it; empty: by the port, or nothing
    mqtt::Redirect redirect;        // MQTT clients; its server is empty: they may come in
    bool durable_sessions = true;   // MQTT; false: they end with the hub
    std::string scram_credentials;  // file, from DATA on; empty: certificates are enough
    std::vector<std::string> websocket_origins;  // of pages that may connect, beside our own host
    std::vector<std::string> names = {"localhost"};  // in the server's certificate
    std::vector<std::string> addresses = {"127.0.0.1", "::1"};
    history::HistoryOptions history;  // its directory is set by the hub
    nanoseconds keep{0};              // points and decisions about which nothing else is said
    mqtt::Limits mqtt;
    sparkplug::HostOptions sparkplug;
    std::string slow_consumers = "drop";  // or spill
    int mqtt_loops = 1;
    std::vector<BridgeConfig> bridges;  // to other brokers
    std::vector<AuditTargetConfig> audit_targets;
    LineOptions lines;
    oidc::Options oidc;          // its ca is read by the hub
    std::string oidc_ca_file;    // from DATA on
    std::string token_module;    // PKCS#11 library of the authorities' keys; empty: files
    std::string token_pin_file;  // from DATA on
    std::vector<std::string> issuing_for{"devices", "gateways", "servers", "operators", "code"};
    std::vector<IssuerConfig> issuers;
    int query_threads = 0;  // 0: one less than there are cores
    std::string log_level = "info";
    std::string log_format = "text";
};

// The rows of hub.yaml.
std::vector<config::Section> describe(HubOptions& options);
// What hub.yaml says of issuing authorities, into the options of the authority. invalid_input
// names the key.
Result<> declare_issuers(const HubOptions& hub, identity::AuthorityOptions& authority);
// DATA/hub.yaml, if there is one, then what speaks against the whole. Errors name the key.
Result<> read_config(HubOptions& options);

}  // namespace mw::hub
