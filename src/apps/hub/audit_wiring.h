#pragma once
// Gives the registry the hub's "audit" key, has a head of the audit log signed every minute in
// which facts came, and has the facts carried to where hub.yaml says. Control loop.

#include <memory>

#include "data/registry/registry.h"
#include "trust/forward/forward.h"
#include "trust/identity/identity.h"

namespace mw::hub {

class AuditWiring {
 public:
    static Result<std::unique_ptr<AuditWiring>> open(files::Files& files, const Clock& clock,
                                                     identity::CertificateAuthority& authority,
                                                     const std::string& pki_directory,
                                                     registry::Registry& registry);
    Task<> keep_signing();  // until it is cancelled
    void start_forwarding(std::unique_ptr<forward::Forwarder> forwarder);
    forward::Source& facts() { return facts_; }
    Task<> stop();  // signs what came since

 private:
    explicit AuditWiring(registry::Registry& registry) : registry_(registry), facts_(registry) {}

    class Facts final : public forward::Source {
     public:
        explicit Facts(registry::Registry& registry) : registry_(registry) {}
        Task<std::vector<audit::Fact>> facts(std::uint64_t after, std::size_t limit) override;
        Task<std::uint64_t> newest() override;

     private:
        registry::Registry& registry_;
    };

    registry::Registry& registry_;
    Facts facts_;
    std::unique_ptr<forward::Forwarder> forwarder_;  // null: nowhere
};

}  // namespace mw::hub
