#pragma once
// Private to this module: OpenSSL's handles with deleters, and the text of its error queue.

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace mw::crypto {

template <auto free_it>
struct FreeWith {
    template <class T>
    void operator()(T* handle) const {
        free_it(handle);
    }
};
using EvpKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using EvpKeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using EvpDigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using X509Handle = std::unique_ptr<X509, FreeWith<X509_free>>;
using X509Request = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using BioHandle = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

struct KeyHandle {
    EvpKey key;
};

// The innermost reason, and an empty queue afterwards: errors must not leak into TLS.
inline std::string openssl_reason() {
    const char* reason = nullptr;
    while (unsigned long code = ERR_get_error())
        if (const char* text = ERR_reason_error_string(code); text && !reason) reason = text;
    return reason ? reason : "no reason given";
}

}  // namespace mw::crypto
