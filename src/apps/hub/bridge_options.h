#pragma once
// mqtt.bridges of hub.yaml: bridges to other brokers, as they are written there. Plain data.

#include <string>
#include <vector>

#include "base/config.h"
#include "platform/files/files.h"
#include "protocols/mqtt/mqtt.h"

namespace mw::hub {

inline constexpr std::size_t bridges_max = 16;

struct BridgeTopicConfig {
    std::string filter;
    std::string direction = "both";
    int qos = 1;
    std::string local_prefix, remote_prefix;
};

struct BridgeConfig {
    std::string name;
    std::string host;
    std::uint16_t port = 0;  // 0: 8883, or 1883 without TLS
    std::string ca_file, cert_file, key_file, server_name;
    bool insecure = false;
    std::string version = "5";
    std::string client_id, user, password_file;
    seconds keep_alive{60};
    seconds session_expiry{7 * 24 * 3'600};
    std::vector<BridgeTopicConfig> topics;

    bool tls() const { return !ca_file.empty(); }
};

std::vector<config::Section> describe(BridgeConfig& bridge);
// What speaks against them, without looking at files: "mqtt.bridges[0].host: ...".
Result<> check(const std::vector<BridgeConfig>& bridges);
// One that was checked. Paths begin in the hub's directory. Reads the password: denied when others
// may read it. `broker_id` is in the messages that leave us.
Result<mqtt::BridgeOptions> bridge_options(const BridgeConfig& bridge, files::Files& files,
                                           const std::string& directory, std::string broker_id);
// Warns of what is sent without TLS.
void tell_risks(const std::vector<BridgeConfig>& bridges);

}  // namespace mw::hub
