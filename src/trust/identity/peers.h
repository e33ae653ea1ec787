#pragma once
// Tells who holds a client certificate. Immutable but for what it remembers; any thread may ask. It
// trusts our issuing authorities and no other certificate, whatever else TLS was told to accept.

#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "platform/cache/cache.h"
#include "platform/crypto/crypto.h"
#include "trust/identity/principal.h"
#include "trust/identity/purposes.h"

namespace mw::identity {

// An issuing authority, and for what its word counts.
struct Vouching {
    crypto::Certificate certificate;
    Purposes purposes;
};

class Peers {
 public:
    // issuing: those whose certificates count, each for its purposes.
    static Result<Peers> make(const crypto::Certificate& root, std::span<const Vouching> issuing,
                              crypto::Revocations revoked = {});
    // The same authorities, and other certificates revoked.
    Peers with(crypto::Revocations revoked) const;
    Peers with_more(std::span<const crypto::SerialNumber> revoked) const;  // besides those

    // denied, with the reason, unless the chain, its validity at that time and the purpose hold and
    // the certificate names one principal: common name NAME and, as its only alternative name,
    // urn:millwright:(device|user|service):NAME. A gateway's has urn:millwright:gateway:NAME too,
    // and the DNS names and addresses at which it serves. Domain and roles are not in certificates.
    Result<Principal> principal(const crypto::Certificate& certificate, Timestamp at) const;
    Result<Principal> principal(ByteView der, Timestamp at) const;
    // Most certificates are ours and in order, and to see that takes one signature, the first time.
    // What this does not vouch for may be good all the same: principal() goes the long way.
    bool vouch_for(ByteView der, Timestamp at) const;
    // Whether one of our issuing authorities signed it, and it is revoked. Under 1 us, also with
    // 100,000.
    bool is_revoked(ByteView der) const;
    bool is_revoked(const crypto::SerialNumber& serial) const { return revoked_->contains(serial); }
    // denied: it is one of ours, and the operator's list of revoked ones has ended, so that nobody
    // can tell whether it is good.
    Result<> can_tell(ByteView der, Timestamp at) const;

 private:
    // Keys of the authorities, decoded once.
    struct Issuer {
        crypto::Certificate certificate;
        Purposes purposes;  // those that its extended key usage leaves
        crypto::PublicKey key;
        crypto::Sha256Digest pin;
    };
    // Certificates whose signature was right, so that who comes back costs none: by the SHA-256 of
    // all of their bytes, and the authority's key.
    struct HashDigest {
        std::size_t operator()(const crypto::Sha256Digest& digest) const {
            return load_le<std::uint64_t>(digest.data());
        }
    };
    struct Signed {};
    using Verified = SharedCache<crypto::Sha256Digest, Signed, HashDigest>;

    Peers(crypto::TrustStore trust, std::shared_ptr<const crypto::Certificate> root,
          std::shared_ptr<const std::vector<Issuer>> issuers, std::shared_ptr<Verified> verified,
          crypto::Revocations revoked)
        : trust_(std::move(trust)),
          root_(std::move(root)),
          issuers_(std::move(issuers)),
          verified_(std::move(verified)),
          revoked_(std::make_shared<const crypto::Revocations>(std::move(revoked))) {}
    bool is_ours(const crypto::SerialAndIssuer& known) const;  // says its issuer's name
    // Who vouches for a client's certificate that is in date; null: nobody.
    const Issuer* voucher_of(const crypto::Certificate& certificate, Timestamp at) const;
    bool is_signed_by(const Issuer& issuer, const crypto::Certificate& certificate) const;

    crypto::TrustStore trust_;
    std::shared_ptr<const crypto::Certificate> root_;
    std::shared_ptr<const std::vector<Issuer>> issuers_;
    std::shared_ptr<Verified> verified_;
    std::shared_ptr<const crypto::Revocations> revoked_;
};

}  // namespace mw::identity
