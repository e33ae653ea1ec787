#pragma once
// For tests only: lists of revoked certificates, made by OpenSSL.

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string>
#include <vector>

#include "platform/crypto/crypto.h"

namespace mw::crypto::samples {

// Of PEM, as X509_CRL_sign() can use it: ADR 0027.
inline EVP_PKEY* direct_key(const std::string& pem) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    EVP_PKEY* key = EVP_PKEY_new();
    EVP_PKEY_assign_EC_KEY(key, PEM_read_bio_ECPrivateKey(bio, nullptr, nullptr, nullptr));
    BIO_free(bio);
    return key;
#pragma GCC diagnostic pop
}

// PEM, signed by the authority, from an hour before `now` to `lifetime` after it.
inline std::string list_of_revoked(const Signer& by, const std::vector<Certificate>& revoked,
                                   Timestamp now, nanoseconds lifetime = hours{24} * 7) {
    const auto decode = [](const Certificate& certificate) {
        const std::uint8_t* at = certificate.der.data();
        return d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size()));
    };
    const auto time = [](Timestamp at) { return ASN1_TIME_set(nullptr, at.ns / 1'000'000'000); };
    EVP_PKEY* key = direct_key(by.key.to_pem());
    X509* authority = decode(by.certificate);
    X509_CRL* list = X509_CRL_new();
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(authority));
    ASN1_TIME *from = time(now - hours{1}), *until = time(now + lifetime);
    X509_CRL_set1_lastUpdate(list, from);
    X509_CRL_set1_nextUpdate(list, until);
    for (const Certificate& one : revoked) {
        X509* certificate = decode(one);
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate));
        X509_REVOKED_set_revocationDate(entry, from);
        X509_CRL_add0_revoked(list, entry);
        X509_free(certificate);
    }
    ASSERT(X509_CRL_sign(list, key, EVP_sha256()) > 0);
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_CRL(bio, list);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    std::string pem(text, static_cast<std::size_t>(size));
    BIO_free(bio), ASN1_TIME_free(from), ASN1_TIME_free(until);
    X509_CRL_free(list), X509_free(authority), EVP_PKEY_free(key);
    return pem;
}

}  // namespace mw::crypto::samples
