#pragma once
// What the hub says in its own name and others check later: releases for devices, heads of the
// audit log. One Ed25519 key per purpose in DATA/pki/PURPOSE.key (0600), vouched for by the hub's
// issuing authority with a code-signing certificate whose common name is the purpose. Belongs to
// the control loop; signing takes about 50 us and does no I/O. verify_signed is pure: any thread,
// any machine.

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"
#include "trust/identity/authority.h"

namespace mw::identity {

class SigningKey {
 public:
    // Made on first start; the certificate is renewed when less than a year of it is left. The key
    // stays, so what was signed stays verifiable. corrupt names the file that does not fit.
    static Result<std::unique_ptr<SigningKey>> open(files::Files& files, const Clock& clock,
                                                    CertificateAuthority& authority,
                                                    const std::string& directory,
                                                    std::string_view purpose);

    Result<Bytes> sign(ByteView message) const { return key_.sign(message); }  // 64 bytes
    const crypto::PublicKey& public_key() const { return key_.public_key(); }
    const crypto::Certificate& certificate() const { return certificate_; }
    // The certificate and its issuer's, DER one after the other: what travels beside a signature,
    // so that who knows the root alone can check it.
    const Bytes& chain() const { return chain_; }

 private:
    SigningKey(crypto::PrivateKey key, crypto::Certificate certificate, Bytes chain);
    crypto::PrivateKey key_;
    crypto::Certificate certificate_;
    Bytes chain_;
};

// denied, with the reason, unless the signature is the key's of that certificate, the certificate
// is for code signing and this purpose, and it leads to an anchor at that time. chain: DER, the
// leaf first; what follows are intermediates (at most 4 certificates).
Result<> verify_signed(ByteView message, ByteView signature, ByteView chain,
                       const crypto::TrustStore& trust, std::string_view purpose, Timestamp at);

}  // namespace mw::identity
