#pragma once
// What enrolment left on the gateway's disk: who it is, its key (mode 0600), its certificate, whom
// it trusts, and where its hub is; and the next key and certificate, until they have worked.
// Blocks; used at start, by `enroll`, and on the worker.

#include <optional>
#include <string>

#include "domain/point.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"
#include "protocols/est/est.h"

namespace mw::agent {

struct KeyAndChain {
    std::string key_pem;
    std::string chain_pem;
    crypto::Certificate certificate;  // the first of the chain
};

// Where the maker's certificate and its key lie; they are not copied.
struct FactoryFiles {
    std::string certificate, key;
};

struct AgentIdentity {
    DeviceId device;
    std::string hub;  // the hub's device listener, https://host:8444
    std::string anchors_pem;
    KeyAndChain current;
    std::optional<KeyAndChain> next;  // got, and not yet used with success
    std::optional<FactoryFiles> factory;
};

// not_found says to enroll first. Finishes what a power cut left of promote_next.
Result<AgentIdentity> load_identity(files::Files& files, const std::string& directory);
Result<> save_identity(files::Files& files, const std::string& directory, const DeviceId& device,
                       const std::string& hub, const crypto::PrivateKey& key,
                       const est::Enrolled& enrolled,
                       const std::optional<FactoryFiles>& factory = {});

// The key for the next certificate: made once, and kept until that certificate has come, so that a
// lost answer costs nothing.
Result<crypto::PrivateKey> next_key(files::Files& files, const std::string& directory,
                                    const KeyAndChain& current);
Result<KeyAndChain> save_next(files::Files& files, const std::string& directory,
                              const crypto::PrivateKey& key, const est::Enrolled& enrolled);
// The next one has worked: it is the current one. Safe at any power cut.
Result<> promote_next(files::Files& files, const std::string& directory, const KeyAndChain& next);
Result<> drop_next(files::Files& files, const std::string& directory);

// What TLS wants of the factory's files.
Result<KeyAndChain> read_factory(files::Files& files, const FactoryFiles& factory);

}  // namespace mw::agent
