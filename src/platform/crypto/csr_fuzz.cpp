// Signing requests, certificates and PKCS#7 come from strangers. Whatever our reader accepts,
// OpenSSL must accept too, and agree about the key: a difference between the two would be a way
// around policy.

#include <cstdlib>

#include "platform/crypto/crypto.h"
#include "platform/crypto/openssl_handles.h"

namespace {

using mw::Bytes;
using mw::ByteView;

Bytes key_of(EVP_PKEY* key) {
    std::uint8_t* der = nullptr;
    int size = key ? i2d_PUBKEY(key, &der) : 0;
    Bytes spki(der, der + std::max(size, 0));
    OPENSSL_free(der);
    return spki;
}

void compare_request(ByteView input) {
    auto ours = mw::crypto::csr_from_der(input);
    if (!ours) return;
    const std::uint8_t* at = input.data();
    mw::crypto::X509Request theirs{d2i_X509_REQ(nullptr, &at, static_cast<long>(input.size()))};
    if (!theirs || at != input.data() + input.size()) std::abort();
    EVP_PKEY* key = X509_REQ_get0_pubkey(theirs.get());
    if (X509_REQ_verify(theirs.get(), key) != 1 || key_of(key) != ours->spki) std::abort();
}

void compare_certificate(ByteView input) {
    auto ours = mw::crypto::certificate_from_der(input);
    if (!ours) return;
    const std::uint8_t* at = input.data();
    mw::crypto::X509Handle theirs{d2i_X509(nullptr, &at, static_cast<long>(input.size()))};
    if (!theirs) return;  // an algorithm or a time that OpenSSL refuses and we only carry
    char name[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(theirs.get()), NID_commonName, name,
                              sizeof name);
    if (ours->subject_cn.size() < sizeof name && ours->subject_cn != name) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    ByteView input{bytes, size};
    compare_request(input);
    compare_certificate(input);
    if (auto list = mw::crypto::certificates_from_pkcs7(input); list.ok())
        static_cast<void>(mw::crypto::to_pkcs7(*list));
    ERR_clear_error();
    return 0;
}
