#pragma once
// Connects fleet/revocation to the doors: who is revoked is out on every listener, and anybody may
// ask. Control loop.

#include <functional>
#include <memory>

#include "fleet/revocation/revocation.h"
#include "surface/api/api.h"

namespace mw::hub {

class RevocationWiring final : public api::CertificateDesk {
 public:
    // Outlives it.
    explicit RevocationWiring(revocation::Desk& desk) : desk_(desk) {}

    Task<JsonArray> list(Question question) override;
    Task<Json> revoke(Order order) override;

 private:
    revocation::Desk& desk_;
};

// What certificates and lists say about where to ask: below http://HOST:PORT, or nothing.
crypto::StatusUrls status_urls(const std::string& base);

}  // namespace mw::hub
