#pragma once
// What enrolment left on the gateway's disk: who it is, its key (mode 0600), its certificate, whom
// it trusts, and where its hub is. Blocks; used at start and by `enroll`.

#include <string>

#include "domain/point.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"
#include "protocols/est/est.h"

namespace mw::agent {

struct AgentIdentity {
    DeviceId device;
    std::string hub;  // the hub's device listener, https://host:8444
    std::string key_pem;
    std::string chain_pem;
    std::string anchors_pem;
    Timestamp certificate_ends;
};

// not_found says to enroll first.
Result<AgentIdentity> load_identity(files::Files& files, const std::string& directory);
Result<> save_identity(files::Files& files, const std::string& directory, const DeviceId& device,
                       const std::string& hub, const crypto::PrivateKey& key,
                       const est::Enrolled& enrolled);

}  // namespace mw::agent
