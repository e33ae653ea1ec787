#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "platform/crypto/certificate.h"
#include "platform/crypto/openssl_handles.h"

namespace mw::crypto {
namespace {

// 112 bits: no SHA-1, no RSA below 2048.
constexpr int security_level = 2;
constexpr int depth_max = 8;

using StoreHandle = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;

struct FreeList {
    void operator()(STACK_OF(X509) * list) const { sk_X509_pop_free(list, X509_free); }
};
using X509List = std::unique_ptr<STACK_OF(X509), FreeList>;

Result<X509Handle> decode(const Certificate& certificate) {
    const std::uint8_t* at = certificate.der.data();
    X509Handle handle{d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size()))};
    if (handle) return handle;
    return Error{Errc::invalid_input,
                 "certificate '" + certificate.subject_cn + "': " + openssl_reason()};
}

// OpenSSL 3.0 knows no purpose of code signing, so what authorities allow is looked at here.
Result<> want_signers_of_code(X509_STORE_CTX* context, const Certificate& leaf) {
    const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context);
    for (int depth = 1; depth < sk_X509_num(chain); ++depth) {
        X509* authority = sk_X509_value(chain, depth);
        // All bits are set where the extension is missing.
        if (X509_get_extended_key_usage(authority) & (XKU_CODE_SIGN | XKU_ANYEKU)) continue;
        return Error{Errc::denied, "certificate " + std::to_string(depth) + " above '" +
                                       leaf.subject_cn + "': this authority is not for code"};
    }
    return {};
}

Result<> push(STACK_OF(X509) * list, const Certificate& certificate) {
    TRY(auto handle, decode(certificate));
    if (sk_X509_push(list, handle.get()) <= 0) return Error{Errc::io_failed, "out of memory"};
    static_cast<void>(handle.release());
    return {};
}

}  // namespace

struct TrustStore::Anchors {
    StoreHandle store{X509_STORE_new()};
    std::vector<Certificate> intermediates;
};

Result<TrustStore> TrustStore::make(std::span<const Certificate> anchors,
                                    std::span<const Certificate> intermediates, Chains chains) {
    auto made = std::make_shared<Anchors>();
    if (!made->store) return Error{Errc::io_failed, "trust store: out of memory"};
    for (const auto& anchor : anchors) {
        TRY(auto handle, decode(anchor));
        if (X509_STORE_add_cert(made->store.get(), handle.get()) != 1)
            return Error{Errc::invalid_input, "trust store: " + openssl_reason()};
    }
    if (chains == Chains::to_any_anchor)
        X509_STORE_set_flags(made->store.get(), X509_V_FLAG_PARTIAL_CHAIN);
    made->intermediates.assign(intermediates.begin(), intermediates.end());
    TrustStore store;
    store.anchors_ = std::move(made);
    return store;
}

Result<> TrustStore::verify(const Certificate& leaf, Timestamp at, Purpose purpose,
                            std::span<const Certificate> more) const {
    TRY(auto handle, decode(leaf));
    X509List untrusted{sk_X509_new_null()};
    StoreContext context{X509_STORE_CTX_new()};
    if (!untrusted || !context) return Error{Errc::io_failed, "verify: out of memory"};
    for (const auto& each : anchors_->intermediates) TRY_VOID(push(untrusted.get(), each));
    for (const auto& each : more) TRY_VOID(push(untrusted.get(), each));
    if (X509_STORE_CTX_init(context.get(), anchors_->store.get(), handle.get(), untrusted.get()) !=
        1)
        return Error{Errc::io_failed, "verify: " + openssl_reason()};
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(at.ns / 1'000'000'000));
    X509_VERIFY_PARAM_set_auth_level(parameters, security_level);
    X509_VERIFY_PARAM_set_depth(parameters, depth_max);
    if (purpose == Purpose::code_signing && (leaf.is_ca || !leaf.for_code_signing))
        return Error{Errc::denied,
                     "certificate '" + leaf.subject_cn + "': it is not for signing releases"};
    if (purpose == Purpose::client || purpose == Purpose::server)
        X509_VERIFY_PARAM_set_purpose(parameters, purpose == Purpose::client
                                                      ? X509_PURPOSE_SSL_CLIENT
                                                      : X509_PURPOSE_SSL_SERVER);
    if (X509_verify_cert(context.get()) == 1) {
        if (purpose != Purpose::code_signing) return {};
        return want_signers_of_code(context.get(), leaf);
    }
    int code = X509_STORE_CTX_get_error(context.get());
    int depth = X509_STORE_CTX_get_error_depth(context.get());
    ERR_clear_error();
    std::string which =
        depth == 0 ? "certificate '" + leaf.subject_cn + "'"
                   : "certificate " + std::to_string(depth) + " above '" + leaf.subject_cn + "'";
    return Error{Errc::denied, which + ": " + X509_verify_cert_error_string(code)};
}

}  // namespace mw::crypto
