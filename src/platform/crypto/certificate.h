#pragma once
// X.509 certificates as plain values: parsed once, carrying their DER. Issuing builds the DER
// itself and copies the requester's SPKI byte for byte, which is four times as fast as OpenSSL's
// builder. Pure functions, any thread. At most 64 KiB a certificate and 100 names in it.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "platform/crypto/hash.h"
#include "platform/crypto/key.h"

namespace mw::crypto {

// Subject alternative names. Addresses are text: "10.0.0.1", "fd00::1".
struct AlternativeNames {
    std::vector<std::string> dns;
    std::vector<std::string> addresses;
    std::vector<std::string> uris;
    std::vector<std::string> other;  // kinds we never issue, as "email:x", "dirName", "otherName"
    bool empty() const { return dns.empty() && addresses.empty() && uris.empty() && other.empty(); }
    bool operator==(const AlternativeNames&) const = default;
};

// DNS names and addresses at which somebody serves TLS, told apart; addresses in their canonical
// text. invalid_input: one of them is neither, or has a wildcard or capitals.
Result<AlternativeNames> serving_names(std::span<const std::string> texts);

struct Certificate {
    Bytes der;
    std::string subject_cn;
    std::string subject_serial;  // the subject's serialNumber: a factory certificate's device
    std::string issuer_cn;
    AlternativeNames names;
    std::string serial;  // hex, lower case
    Timestamp not_before;
    Timestamp not_after;
    bool is_ca = false;
    bool limits_use = false;  // has an extended key usage: of an authority, for all below it
    bool for_client = false;  // extended key usage allows it
    bool for_server = false;
    bool for_code_signing = false;  // says so itself; never by default
    Bytes subject;                  // the whole Name, DER: what it signs as
    Bytes subject_key_id;           // empty when it has none
    Bytes spki;
    KeyKind key_kind = KeyKind::other;
    int key_bits = 0;
    Sha256Digest fingerprint{};  // SHA-256 of der

    bool operator==(const Certificate& other) const { return der == other.der; }
};

Result<Certificate> certificate_from_der(ByteView der);
Result<std::vector<Certificate>> certificates_from_pem(std::string_view pem);  // at least one
std::string to_pem(const Certificate& certificate);
std::string to_pem(std::span<const Certificate> certificates);

enum class Profile {
    root_ca,       // path length 1
    issuing_ca,    // path length 0
    server,        // serverAuth
    device,        // clientAuth
    gateway,       // clientAuth; serverAuth as well, if it has DNS names or addresses
    person,        // clientAuth, an operator at a terminal
    code_signing,  // codeSigning: releases, heads of the audit log
};

// What a certificate may be used for (extended key usage, RFC 5280 4.2.1.12).
enum class Use { client, server, code_signing };

// Where whoever sees a certificate may ask about it; empty ones are left out.
struct StatusUrls {
    std::string ocsp{};
    std::string authority{};  // the issuer's certificate, DER
    std::string list{};       // of revoked certificates
    std::string delta{};      // named by the list alone
};

struct CertificateOrder {
    Profile profile = Profile::device;
    std::string subject_cn;  // at most 64 characters (X.520 ub-common-name)
    AlternativeNames names;  // dns, addresses, uris
    Timestamp not_before;
    Timestamp not_after;
    StatusUrls status{};
    std::string subject_serial{};  // of a device, as its maker numbers it
    // Of an issuing authority: the only uses of what it signs; empty: any.
    std::vector<Use> authority_uses{};
};

struct Signer {
    const Certificate& certificate;
    const PrivateKey& key;
};

// The serial is 16 random bytes with the top bit clear.
Result<Certificate> issue(const CertificateOrder& order, ByteView subject_spki,
                          const Signer& signer, Random& random);
Result<Certificate> self_sign(const CertificateOrder& order, const PrivateKey& key, Random& random);

// Whether the key signed it, with the hash that PrivateKey::sign takes; nothing else is looked at.
// With a key that is decoded once this costs a quarter of TrustStore::verify.
bool is_signed_by(const Certificate& certificate, const PublicKey& key);

// code_signing: the leaf is no authority and its extended key usage names codeSigning. For each of
// them but `any`, authorities of the chain that limit their use have to allow it too.
enum class Purpose { any, client, server, code_signing };

// to_any_anchor: an issuing authority may be trusted without its root.
enum class Chains { to_a_root, to_any_anchor };

// Anchors and known intermediates, decoded once. May be shared between threads.
class TrustStore {
 public:
    static Result<TrustStore> make(std::span<const Certificate> anchors,
                                   std::span<const Certificate> intermediates = {},
                                   Chains chains = Chains::to_a_root);
    // Chain from leaf to an anchor at that time: signatures, validity, constraints, purpose. denied
    // says which certificate failed and why. more: intermediates that the peer sent.
    Result<> verify(const Certificate& leaf, Timestamp at, Purpose purpose = Purpose::any,
                    std::span<const Certificate> more = {}) const;

 private:
    struct Anchors;
    TrustStore() = default;
    std::shared_ptr<const Anchors> anchors_;
};

// PKCS#7 SignedData that carries only certificates (RFC 5272 4.1 "certs-only"), DER.
Bytes to_pkcs7(std::span<const Certificate> certificates);
Result<std::vector<Certificate>> certificates_from_pkcs7(ByteView der);

}  // namespace mw::crypto
