#pragma once
// For this module's tests and benchmarks only: a CA and certificates that live as long as the test.

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "base/assert.h"
#include "platform/crypto/crypto.h"

namespace mw::net {

struct Pem {
    std::string certificate, key;
};

class ThrowawayPki {
 public:
    explicit ThrowawayPki(std::string name = "Test CA") : name_(std::move(name)) {
        crypto::use_ec_keys_directly();  // as TlsContext will
        key_ = EVP_EC_gen("prime256v1");
        certificate_ = make(key_, name_, "", 365);
        ca_ = pem_of(certificate_, key_);
    }
    ~ThrowawayPki() { X509_free(certificate_), EVP_PKEY_free(key_); }
    ThrowawayPki(const ThrowawayPki&) = delete;

    const std::string& ca() const { return ca_.certificate; }
    // `alternative` as "DNS:localhost,IP:127.0.0.1"; negative days: expired yesterday.
    Pem issue(const std::string& common_name, const std::string& alternative = "", int days = 30) {
        EVP_PKEY* key = EVP_EC_gen("prime256v1");
        X509* certificate = make(key, common_name, alternative, days);
        Pem pem = pem_of(certificate, key);
        X509_free(certificate), EVP_PKEY_free(key);
        return pem;
    }

    // A list of revoked certificates (PEM each); negative days: it ended yesterday.
    std::string revoke(const std::vector<std::string>& certificates, int days = 7) {
        X509_CRL* list = X509_CRL_new();
        X509_CRL_set_version(list, 1);
        X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate_));
        ASN1_TIME* time = X509_gmtime_adj(nullptr, -3 * 86400);
        X509_CRL_set1_lastUpdate(list, time);
        X509_CRL_set1_nextUpdate(list, X509_gmtime_adj(time, days * 86400L));
        for (const std::string& pem : certificates) {
            BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
            X509* revoked = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
            ASSERT(revoked != nullptr);
            X509_REVOKED* entry = X509_REVOKED_new();
            X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked));
            X509_REVOKED_set_revocationDate(entry, time);
            X509_CRL_add0_revoked(list, entry);
            X509_free(revoked), BIO_free(bio);
        }
        ASSERT(X509_CRL_sign(list, key_, EVP_sha256()) > 0);
        BIO* bio = BIO_new(BIO_s_mem());
        PEM_write_bio_X509_CRL(bio, list);
        std::string pem = drain(bio);
        BIO_free(bio), ASN1_TIME_free(time), X509_CRL_free(list);
        return pem;
    }

 private:
    X509* make(EVP_PKEY* key, const std::string& name, const std::string& alternative, int days) {
        X509* x = X509_new();
        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial_);
        X509_gmtime_adj(X509_getm_notBefore(x), -3 * 86400);
        X509_gmtime_adj(X509_getm_notAfter(x), days * 86400L);
        auto text = reinterpret_cast<const unsigned char*>(name.c_str());
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, text, -1, -1, 0);
        X509* issuer = certificate_ ? certificate_ : x;
        X509_set_issuer_name(x, X509_get_subject_name(issuer));
        X509_set_pubkey(x, key);
        add(x, issuer, NID_basic_constraints, certificate_ ? "CA:FALSE" : "critical,CA:TRUE");
        if (!alternative.empty()) add(x, issuer, NID_subject_alt_name, alternative.c_str());
        ASSERT(X509_sign(x, key_, EVP_sha256()) > 0);
        return x;
    }
    static void add(X509* x, X509* issuer, int nid, const char* value) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, issuer, x, nullptr, nullptr, 0);
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
        ASSERT(extension != nullptr);
        X509_add_ext(x, extension, -1);
        X509_EXTENSION_free(extension);
    }
    static Pem pem_of(X509* certificate, EVP_PKEY* key) {
        BIO* bio = BIO_new(BIO_s_mem());
        PEM_write_bio_X509(bio, certificate);
        Pem pem;
        pem.certificate = drain(bio);
        PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
        pem.key = drain(bio);
        BIO_free(bio);
        return pem;
    }
    static std::string drain(BIO* bio) {
        char* text = nullptr;
        long size = BIO_get_mem_data(bio, &text);
        std::string copy(text, static_cast<std::size_t>(size));
        (void)BIO_reset(bio);
        return copy;
    }

    std::string name_;
    EVP_PKEY* key_ = nullptr;
    X509* certificate_ = nullptr;
    Pem ca_;
    long serial_ = 0;
};

inline ThrowawayPki& pki() {
    static ThrowawayPki one;
    return one;
}

}  // namespace mw::net
