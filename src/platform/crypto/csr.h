#pragma once
// Certificate signing requests (PKCS#10, RFC 2986). Parsing also proves possession: a CSR whose
// signature does not match its key is an error. Pure; at most 16 KiB of DER.

#include <optional>
#include <string>

#include "platform/crypto/certificate.h"

namespace mw::crypto {

struct Csr {
    std::string subject_cn;      // empty when there is none
    int subject_attributes = 0;  // parts of the subject name besides CN
    AlternativeNames names;      // as asked for
    bool asks_for_ca = false;    // basicConstraints CA:TRUE or keyUsage keyCertSign
    Bytes spki;
    KeyKind key_kind = KeyKind::other;
    int key_bits = 0;
};

Result<Csr> csr_from_der(ByteView der);
Result<Csr> csr_from_pem(std::string_view pem);  // "CERTIFICATE REQUEST", or "NEW ..."

struct CsrOrder {
    std::string subject_cn;
    AlternativeNames names;
};
Result<Bytes> make_csr(const CsrOrder& order, const PrivateKey& key);  // DER

std::string csr_to_pem(ByteView der);

}  // namespace mw::crypto
