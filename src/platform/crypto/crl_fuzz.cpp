// Lists of revoked certificates come from an operator's file, which somebody else's program wrote.
// The first byte chooses: the bytes as a whole list, or as what the authority signs, so that the
// reader is reached behind the signature. What our reader takes OpenSSL must take, and both must
// agree about who is revoked: a number that we overlook would let its holder in.

#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdlib>

#include "platform/crypto/crypto_samples.h"
#include "platform/crypto/der.h"
#include "platform/crypto/openssl_handles.h"

namespace {

using namespace mw;
using namespace mw::crypto;

using ListHandle = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;

Bytes signed_by(const PrivateKey& key, ByteView content) {
    static const Bytes algorithm = *from_hex("300a06082a8648ce3d040302");  // ECDSA with SHA-256
    const Bytes signature = *key.sign(content);
    const std::uint8_t no_unused_bits[] = {0};
    const Bytes bits = der::element(der::bit_string, {no_unused_bits, signature});
    return der::element(der::sequence, {content, algorithm, bits});
}

bool has(const RevocationList& list, const ASN1_INTEGER* number) {
    const ByteView bytes{ASN1_STRING_get0_data(number),
                         static_cast<std::size_t>(ASN1_STRING_length(number))};
    const auto serial = serial_number_from(bytes);
    return serial && std::ranges::find(list.serials, *serial) != list.serials.end();
}

void compare(ByteView der, const RevocationList& ours) {
    const std::uint8_t* at = der.data();
    const ListHandle theirs{d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size()))};
    if (!theirs) return;  // a time or a name that it refuses and we only carry
    const auto* revoked = X509_CRL_get_REVOKED(theirs.get());
    for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i) {
        const X509_REVOKED* entry = sk_X509_REVOKED_value(revoked, i);
        const ASN1_INTEGER* number = X509_REVOKED_get0_serialNumber(entry);
        if (ASN1_STRING_type(number) == V_ASN1_NEG_INTEGER) continue;  // nobody's
        int critical = 0;
        auto* reason = static_cast<ASN1_ENUMERATED*>(
            X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &critical, nullptr));
        const bool taken_back = reason && ASN1_ENUMERATED_get(reason) == CRL_REASON_REMOVE_FROM_CRL;
        ASN1_ENUMERATED_free(reason);
        if (!taken_back && !has(ours, number)) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const samples::Authority authority;
    if (size == 0) return 0;
    const ByteView input{bytes + 1, size - 1};
    const Bytes der = bytes[0] % 2 == 0 ? Bytes(input.begin(), input.end())
                                        : signed_by(authority.issuing_key, input);
    if (const auto ours = revocation_list_from_der(der, authority.issuing)) compare(der, *ours);
    ERR_clear_error();
    return 0;
}
