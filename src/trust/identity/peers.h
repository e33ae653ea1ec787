#pragma once
// Tells who holds a client certificate. Immutable; any thread may ask. It trusts one issuing
// authority and no other certificate, whatever else TLS was told to accept.

#include <memory>
#include <span>

#include "base/clock.h"
#include "platform/crypto/crypto.h"
#include "trust/identity/principal.h"

namespace mw::identity {

class Peers {
 public:
    static Result<Peers> make(const crypto::Certificate& root, const crypto::Certificate& issuing,
                              crypto::Revocations revoked = {});
    // The same authorities, and other certificates revoked.
    Peers with(crypto::Revocations revoked) const;
    Peers with_more(std::span<const crypto::SerialNumber> revoked) const;  // besides those

    // denied, with the reason, unless the chain, its validity at that time and the purpose hold and
    // the certificate names one principal: common name NAME and, as its only alternative name,
    // urn:millwright:(device|user|service):NAME. Domain and roles are not in certificates.
    Result<Principal> principal(const crypto::Certificate& certificate, Timestamp at) const;
    Result<Principal> principal(ByteView der, Timestamp at) const;
    // Whether it is one of our issuing authority's and revoked. Under 1 us, also with 100,000.
    bool is_revoked(ByteView der) const;
    bool is_revoked(const crypto::SerialNumber& serial) const { return revoked_->contains(serial); }
    // denied: it is our issuing authority's, and the operator's list of revoked ones has ended, so
    // that nobody can tell whether it is good.
    Result<> can_tell(ByteView der, Timestamp at) const;

 private:
    Peers(crypto::TrustStore trust, Bytes issuer, crypto::Revocations revoked)
        : trust_(std::move(trust)),
          issuer_(std::move(issuer)),
          revoked_(std::make_shared<const crypto::Revocations>(std::move(revoked))) {}
    crypto::TrustStore trust_;
    Bytes issuer_;  // the issuing authority's Name, DER
    std::shared_ptr<const crypto::Revocations> revoked_;
};

}  // namespace mw::identity
