#pragma once
// Gives the registry the hub's "audit" key, and has a head of the audit log signed every minute in
// which facts came. Control loop.

#include <memory>

#include "data/registry/registry.h"
#include "trust/identity/identity.h"

namespace mw::hub {

class AuditWiring {
 public:
    static Result<std::unique_ptr<AuditWiring>> open(files::Files& files, const Clock& clock,
                                                     identity::CertificateAuthority& authority,
                                                     const std::string& pki_directory,
                                                     registry::Registry& registry);
    Task<> keep_signing();  // until it is cancelled
    Task<> stop();          // signs what came since

 private:
    explicit AuditWiring(registry::Registry& registry) : registry_(registry) {}
    registry::Registry& registry_;
};

}  // namespace mw::hub
