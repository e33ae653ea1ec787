#pragma once
// Tells who holds a client certificate. Immutable; any thread may ask. It trusts one issuing
// authority and no other certificate, whatever else TLS was told to accept.

#include <memory>

#include "base/clock.h"
#include "platform/crypto/crypto.h"
#include "trust/identity/principal.h"

namespace mw::identity {

class Peers {
 public:
    static Result<Peers> make(const crypto::Certificate& root, const crypto::Certificate& issuing,
                              crypto::Revocations revoked = {});

    // denied, with the reason, unless the chain, its validity at that time and the purpose hold and
    // the certificate names one principal: common name NAME and, as its only alternative name,
    // urn:millwright:(device|user|service):NAME. Domain and roles are not in certificates.
    Result<Principal> principal(const crypto::Certificate& certificate, Timestamp at) const;
    Result<Principal> principal(ByteView der, Timestamp at) const;
    // Whether a certificate that was good once is revoked. About 0.1 us.
    bool is_revoked(ByteView der) const { return revoked_->contains(der); }

 private:
    Peers(crypto::TrustStore trust, crypto::Revocations revoked)
        : trust_(std::move(trust)),
          revoked_(std::make_shared<const crypto::Revocations>(std::move(revoked))) {}
    crypto::TrustStore trust_;
    std::shared_ptr<const crypto::Revocations> revoked_;
};

}  // namespace mw::identity
