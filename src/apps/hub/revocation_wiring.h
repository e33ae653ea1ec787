#pragma once
// Connects fleet/revocation and the authority to the doors: who is revoked is out on every
// listener, anybody may ask, and users get certificates. Control loop.

#include <functional>
#include <memory>

#include "fleet/revocation/revocation.h"
#include "surface/api/api.h"

namespace mw::hub {

class RevocationWiring final : public api::CertificateDesk {
 public:
    // Outlives it.
    RevocationWiring(revocation::Desk& desk, identity::CertificateAuthority& authority,
                     ResourceStore& store)
        : desk_(desk), authority_(authority), store_(store) {}

    Task<JsonArray> list(Question question) override;
    Task<Json> issue(Wish wish) override;
    Task<Json> revoke(Order order) override;

 private:
    revocation::Desk& desk_;
    identity::CertificateAuthority& authority_;
    ResourceStore& store_;
};

// What certificates and lists say about where to ask: below http://HOST:PORT, or nothing.
crypto::StatusUrls status_urls(const std::string& base);

}  // namespace mw::hub
