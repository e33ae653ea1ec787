#pragma once
// audit.forward of hub.yaml: where audit facts are sent, as it is written there. Plain data.

#include <string>
#include <vector>

#include "base/config.h"
#include "platform/files/files.h"
#include "trust/forward/forward.h"

namespace mw::hub {

struct AuditTargetConfig {
    std::string name, syslog, webhook;
    std::vector<std::string> actions;
    std::string from = "now";
    std::string secret_file;
    std::string ca_file, cert_file, key_file;  // TLS; empty ca_file: the system's
};

std::vector<config::Section> describe(AuditTargetConfig& target);
// What speaks against them, without looking at files.
Result<> check(const std::vector<AuditTargetConfig>& targets);
// Of such that were checked. Paths begin in the hub's directory. Reads the secrets: denied when
// others may read them.
Result<std::vector<forward::TargetOptions>> forward_targets(
    const std::vector<AuditTargetConfig>& targets, files::Files& files,
    const std::string& directory);

}  // namespace mw::hub
