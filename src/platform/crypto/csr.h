#pragma once
// Certificate signing requests (PKCS#10, RFC 2986). Parsing also proves possession: a CSR whose
// signature does not match its key is an error. Pure; at most 16 KiB of DER, and RSA keys of 8192
// bits, for what a longer one costs to verify.

#include <optional>
#include <string>
#include <vector>

#include "platform/crypto/certificate.h"

namespace mw::crypto {

struct Csr {
    std::string subject_cn;      // empty when there is none
    int subject_attributes = 0;  // parts of the subject name besides CN
    // Of these, what names somebody as well: "emailAddress", "userId", "domainComponent" ...
    std::vector<std::string> subject_identities;
    AlternativeNames names;    // as asked for
    bool asks_for_ca = false;  // basicConstraints CA:TRUE, or keyUsage for certificates or lists
    // Requested uses besides clientAuth and extensions that we do not issue, as dotted numbers.
    std::vector<std::string> foreign_uses;
    std::vector<std::string> foreign_extensions;
    std::vector<Use> uses;  // requested ones that we know; empty: none, or only others
    // Wants a key that the server makes to be wrapped (RFC 7030 4.4.1.1, 4.4.1.2).
    bool asks_for_wrapped_key = false;
    Bytes spki;
    KeyKind key_kind = KeyKind::other;
    int key_bits = 0;
    std::uint64_t rsa_exponent = 0;  // 0: no RSA key, or more than 64 bits
};

// ignored: the key and the signature are not looked at (RFC 7030 4.4.1, where the server makes the
// key): never for a certificate of the key in the request.
enum class Possession { proved, ignored };

Result<Csr> csr_from_der(ByteView der, Possession possession = Possession::proved);
// "CERTIFICATE REQUEST", or "NEW ..."
Result<Csr> csr_from_pem(std::string_view pem, Possession possession = Possession::proved);

struct CsrOrder {
    std::string subject_cn;
    AlternativeNames names;
    std::vector<Use> uses{};
};
Result<Bytes> make_csr(const CsrOrder& order, const PrivateKey& key);  // DER

std::string csr_to_pem(ByteView der);

// What a request should hold (CsrAttrs, RFC 7030 4.5.2), DER: a key of this kind, and the signature
// that goes with it. With uses, an extension request that has them (RFC 9908 3.2: as it is to be
// copied). invalid_input: the kind is `other`.
Result<Bytes> make_csr_attributes(KeyKind kind, int rsa_bits, std::span<const Use> uses = {});

}  // namespace mw::crypto
