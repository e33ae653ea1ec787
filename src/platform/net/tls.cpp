#include "platform/net/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "platform/crypto/crypto.h"
#include "platform/net/tls_handle.h"

namespace mw::net {
namespace {

struct FreeBio {
    void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using BioHandle = std::unique_ptr<BIO, FreeBio>;
struct FreeX509 {
    void operator()(X509* certificate) const { X509_free(certificate); }
};
using X509Handle = std::unique_ptr<X509, FreeX509>;

Error tls_error(std::string_view step) {
    return {Errc::invalid_input, std::string(step) + ": " + tls_reason()};
}

BioHandle bio_of(const std::string& text) {
    return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

struct FreeCrl {
    void operator()(X509_CRL* list) const { X509_CRL_free(list); }
};
using CrlHandle = std::unique_ptr<X509_CRL, FreeCrl>;

CrlHandle next_of(BIO* bio, CrlHandle) {
    return CrlHandle(PEM_read_bio_X509_CRL(bio, nullptr, nullptr, nullptr));
}
X509Handle next_of(BIO* bio, X509Handle) {
    return X509Handle(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
}

// Calls `use` for each certificate, or list, in the PEM text; how many there were.
template <class Handle = X509Handle, class F>
Result<int> each_in(const std::string& pem, std::string_view what, F use) {
    auto bio = bio_of(pem);
    int count = 0;
    for (;;) {
        Handle one = next_of(bio.get(), Handle());
        if (!one) break;
        if (!use(std::move(one), count)) return tls_error(what);
        ++count;
    }
    // The end of the text shows as "no start line".
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!at_end) return tls_error(std::string(what) + ", number " + std::to_string(count + 1));
    ERR_clear_error();
    if (count > 0) return count;
    return Error{
        Errc::invalid_input,
        std::string(what) + (std::is_same_v<Handle, X509Handle>
                                 ? ": no PEM certificate in it (-----BEGIN CERTIFICATE-----)"
                                 : ": no list in it (-----BEGIN X509 CRL-----)")};
}

Result<> use_certificate(SSL_CTX* context, const TlsOptions& options) {
    auto use = [&](X509Handle certificate, int index) {
        if (index == 0) return SSL_CTX_use_certificate(context, certificate.get()) == 1;
        return SSL_CTX_add1_chain_cert(context, certificate.get()) == 1;
    };
    TRY_VOID(each_in(options.certificate_chain, "our certificate chain", use));
    auto bio = bio_of(options.private_key);
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    if (!key) return tls_error("our private key");
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
        return tls_error("our private key doesn't belong to our certificate");
    return {};
}

Result<> trust(SSL_CTX* context, const TlsOptions& options, bool announce) {
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    auto use = [&](X509Handle certificate, int) {
        if (announce && SSL_CTX_add_client_CA(context, certificate.get()) != 1) return false;
        return X509_STORE_add_cert(store, certificate.get()) == 1;
    };
    TRY_VOID(each_in(options.trusted, "trusted certificates", use));
    // An issuing CA may be trusted without its root.
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
    if (!options.revocation_lists.empty()) {
        auto add = [&](CrlHandle list, int) { return X509_STORE_add_crl(store, list.get()) == 1; };
        TRY_VOID(
            each_in<CrlHandle>(options.revocation_lists, "lists of revoked certificates", add));
        flags |= X509_V_FLAG_CRL_CHECK;  // of the leaf: a revoked CA is not trusted any more
    }
    X509_STORE_set_flags(store, flags);
    return {};
}

Result<std::unique_ptr<SSL_CTX, FreeContext>> new_context(const SSL_METHOD* method) {
    crypto::use_ec_keys_directly();
    std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(method));
    if (!context) return tls_error("make a TLS context");
    SSL_CTX* c = context.get();
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    // TLS 1.2: forward secrecy and AEAD only. TLS 1.3 has nothing else. Those with SHA-256 first:
    // keys of P-256 are no stronger, and a handshake takes 4 to 7 % less (ADR 0027).
    if (SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
        SSL_CTX_set_ciphersuites(c,
                                 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                 "TLS_CHACHA20_POLY1305_SHA256") != 1)
        return tls_error("choose ciphers");
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    return context;
}

// Sessions stay here and clients get their numbers. A ticket that holds the session itself costs a
// resumption three times as much: OpenSSL 3.0 takes .4 ms to make the client's certificate of it.
void keep_sessions(SSL_CTX* context, std::size_t count) {
    static constexpr unsigned char id[] = "millwright";
    // Without it a server that asks for certificates refuses resumed sessions.
    SSL_CTX_set_session_id_context(context, id, sizeof id - 1);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, count > 0 ? 1 : 0);
    if (count == 0) return;  // OpenSSL's 0 means any number
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context, static_cast<long>(count + 1));  // it keeps one less
}

bool has_key(X509* certificate, const Bytes& pin) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    unsigned char* spki = nullptr;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
    if (size <= 0) return false;
    SHA256(spki, static_cast<std::size_t>(size), digest);
    OPENSSL_free(spki);
    return pin.size() == sizeof digest && std::equal(pin.begin(), pin.end(), digest);
}

// The pin is SHA-256 of the SubjectPublicKeyInfo, as in RFC 7469 2.4. Trusts the one certificate of
// the peer's chain that has it, and verifies as always.
int verify_pinned(X509_STORE_CTX* verification, void* pin) {
    STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(verification);
    std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> trusted(
        sk_X509_new_null(), [](STACK_OF(X509) * list) { sk_X509_free(list); });
    for (int i = 0; trusted && i < sk_X509_num(sent); ++i)
        if (has_key(sk_X509_value(sent, i), *static_cast<const Bytes*>(pin)))
            sk_X509_push(trusted.get(), sk_X509_value(sent, i));
    if (!trusted || sk_X509_num(trusted.get()) == 0) {
        X509_STORE_CTX_set_error(verification, X509_V_ERR_CERT_UNTRUSTED);
        return 0;
    }
    X509_STORE_CTX_set0_trusted_stack(verification, trusted.get());
    int verified = X509_verify_cert(verification);
    X509_STORE_CTX_set0_trusted_stack(verification, nullptr);  // the list ends here
    return verified;
}

// The client asked for proof that our certificate is good; OpenSSL frees what it is given.
int staple_status(SSL* ssl, void* options) {
    const auto response = static_cast<const TlsOptions*>(options)->status_response();
    if (!response || response->empty()) return SSL_TLSEXT_ERR_NOACK;
    auto* copy = static_cast<unsigned char*>(OPENSSL_malloc(response->size()));
    if (!copy) return SSL_TLSEXT_ERR_NOACK;
    std::copy(response->begin(), response->end(), copy);
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response->size()));
    return SSL_TLSEXT_ERR_OK;
}

// Not OpenSSL but the application judges what the client shows.
int verify_unjudged(X509_STORE_CTX* verification, void*) {
    X509_STORE_CTX_set_error(verification, X509_V_OK);
    return verify_peer(1, verification);
}

int verify_unless_vouched(X509_STORE_CTX* verification, void*) {
    if (is_vouched_for(verification)) return verify_unjudged(verification, nullptr);
    return X509_verify_cert(verification);
}

int verify_mode(ClientCertificate wanted) {
    switch (wanted) {
        case ClientCertificate::none:
            return SSL_VERIFY_NONE;
        case ClientCertificate::optional:
        case ClientCertificate::unjudged:
            return SSL_VERIFY_PEER;
        case ClientCertificate::required:
            return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::server(TlsOptions options) {
    TRY(auto context, new_context(TLS_server_method()));
    TRY_VOID(use_certificate(context.get(), options));
    keep_sessions(context.get(), options.sessions_kept);
    if (options.client_certificate == ClientCertificate::unjudged)
        SSL_CTX_set_cert_verify_callback(context.get(), verify_unjudged, nullptr);
    else if (options.client_certificate != ClientCertificate::none)
        TRY_VOID(trust(context.get(), options, true));
    if (options.vouch && options.client_certificate != ClientCertificate::unjudged)
        SSL_CTX_set_cert_verify_callback(context.get(), verify_unless_vouched, nullptr);
    SSL_CTX_set_verify(context.get(), verify_mode(options.client_certificate), verify_peer);
    auto handle = std::make_unique<Handle>(Handle{std::move(context), true});
    std::shared_ptr<TlsContext> made(new TlsContext(std::move(options), std::move(handle)));
    if (made->options_.status_response) {
        SSL_CTX* c = made->handle_->context.get();
        SSL_CTX_set_tlsext_status_cb(c, staple_status);
        SSL_CTX_set_tlsext_status_arg(c, &made->options_);  // it lives as long
    }
    return std::shared_ptr<const TlsContext>(std::move(made));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::client(TlsOptions options) {
    TRY(auto context, new_context(TLS_client_method()));
    if (!options.certificate_chain.empty()) TRY_VOID(use_certificate(context.get(), options));
    std::unique_ptr<Bytes> pin;
    if (options.pinned_root.empty()) {
        TRY_VOID(trust(context.get(), options, false));
    } else {
        pin = std::make_unique<Bytes>(options.pinned_root);
        SSL_CTX_set_cert_verify_callback(context.get(), verify_pinned, pin.get());
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, verify_peer);
    auto handle = std::make_unique<Handle>(Handle{std::move(context), false, std::move(pin)});
    return std::shared_ptr<const TlsContext>(new TlsContext(std::move(options), std::move(handle)));
}

TlsContext::TlsContext(TlsOptions options, std::unique_ptr<Handle> handle)
    : options_(std::move(options)), handle_(std::move(handle)) {
    options_.private_key.assign(options_.private_key.size(), '\0');  // OpenSSL has its copy
    options_.private_key.clear();
}
TlsContext::~TlsContext() = default;

std::size_t TlsContext::sessions_kept() const {
    return static_cast<std::size_t>(SSL_CTX_sess_number(handle_->context.get()));
}

Result<TlsOptions> read_tls_files(const TlsFiles& files) {
    auto read = [](const std::string& path, std::string& into) -> Result<> {
        if (path.empty()) return {};
        std::ifstream file(path, std::ios::binary);
        if (!file) return Error{Errc::not_found, "can't read the PEM file " + path};
        into.assign(std::istreambuf_iterator<char>(file), {});
        return {};
    };
    TlsOptions options;
    TRY_VOID(read(files.certificate_chain, options.certificate_chain));
    TRY_VOID(read(files.private_key, options.private_key));
    TRY_VOID(read(files.trusted, options.trusted));
    TRY_VOID(read(files.revocation_lists, options.revocation_lists));
    return options;
}

void clear_tls_errors() { ERR_clear_error(); }

namespace {
// What OpenSSL's terse reasons mean to the person who must act.
const char* remedy(int reason) {
    switch (reason) {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return "the client gave no certificate. Enroll it first";
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            return "the server wants a client certificate. Enroll first";
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            return "the peer doesn't trust the CA of our certificate. "
                   "Give it our CA, or enroll again";
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
            return "the peer refused our certificate";
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            return "the peer says that our certificate has expired. Renew it and check the clocks";
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
            return "our certificate is revoked";
        case SSL_R_HTTP_REQUEST:
            return "the client speaks plain HTTP to a TLS port. Use https://";
        case SSL_R_WRONG_VERSION_NUMBER:
            return "the peer doesn't speak TLS on this port";
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            return "the peer has no TLS 1.2 or newer";
        case SSL_R_NO_SHARED_CIPHER:
            return "no cipher in common";
        case SSL_R_UNEXPECTED_EOF_WHILE_READING:
            return "the connection ended without a farewell";
        default:
            return nullptr;
    }
}
}  // namespace

std::string tls_reason() {
    unsigned long first = ERR_get_error();
    ERR_clear_error();
    if (first == 0) return "the connection ended";
    if (ERR_GET_LIB(first) == ERR_LIB_SSL)
        if (const char* text = remedy(ERR_GET_REASON(first))) return text;
    const char* reason = ERR_reason_error_string(first);
    return reason ? reason : "OpenSSL error " + std::to_string(first);
}

std::string describe_verification(long code, const TlsContext& context) {
    std::string text = context.handle().is_server ? "the client's certificate doesn't verify: "
                                                  : "the server's certificate doesn't verify: ";
    text += X509_verify_cert_error_string(code);
    switch (code) {
        case X509_V_ERR_CERT_UNTRUSTED:
            if (context.handle().pinned_root)
                return "the server's chain does not hold the pinned root. "
                       "Compare the pin with the hub's, and the address";
            [[fallthrough]];
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return text + ". Its CA is not among those we trust";
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return text + ". Renew it, and check the clocks of both machines";
        case X509_V_ERR_UNABLE_TO_GET_CRL:
            return text + ". None of the lists of revoked certificates is its issuer's";
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
            return text + ". Put a new list of revoked certificates in place and reload";
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return text + ". Connect by a name that is in it, or issue it with this name";
        default:
            return text;
    }
}

}  // namespace mw::net
