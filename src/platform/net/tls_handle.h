#pragma once
// Private to this module: what tls.h hides, and OpenSSL's errors in words.

#include <openssl/ssl.h>

#include "platform/net/tls.h"

namespace mw::net {

struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct TlsContext::Handle {
    std::unique_ptr<SSL_CTX, FreeContext> context;
    bool is_server = false;
    std::unique_ptr<Bytes> pinned_root = nullptr;  // the context's callback looks at it
};

// OpenSSL asks it about each certificate of the peer's chain; the last word is options().admit.
int verify_peer(int verified, X509_STORE_CTX* chain);
bool is_vouched_for(X509_STORE_CTX* chain);  // by options().vouch

// OpenSSL looks at its thread's queue to tell what happened, so it must be empty before each call.
void clear_tls_errors();
// The first error queued, with what to do about it where we know; the queue is empty afterwards.
std::string tls_reason();
std::string describe_verification(long code, const TlsContext& context);

}  // namespace mw::net
