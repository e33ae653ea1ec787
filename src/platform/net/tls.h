#pragma once
// TlsContext is one side's certificates and trust, made once and shared by its connections. It is
// immutable: to reload, make another and swap the shared_ptr (Listener::set_tls). TLS 1.2 and 1.3.

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace mw::net {

// unjudged: asked for, and TLS proves that the peer holds its key; whose it is and whether it
// counts, also when it has ended, the application says of each request.
enum class ClientCertificate { none, optional, required, unjudged };

struct TlsOptions {
    // PEM texts. A server needs the first two; a client gives them if it has a certificate.
    std::string certificate_chain{};  // our own first, then the intermediates
    std::string private_key{};
    std::string trusted{};  // CA certificates that may vouch for the peer
    // Lists of revoked certificates (CRLs). If any is given, the peer's certificate must be covered
    // by one of its issuer that is in date, and not be on it.
    std::string revocation_lists{};
    // Client, instead of `trusted`: SHA-256 of the public key (SPKI) of a root that the server must
    // send at the end of its chain, and that the chain must verify against. For a first contact,
    // when only the pin is known.
    Bytes pinned_root{};
    // Server: whether to ask for a client certificate. One that is given must verify.
    ClientCertificate client_certificate = ClientCertificate::none;
    // Server, asked first: true: the application knows that the certificate (DER) chains to
    // `trusted`, is in date and for clients, so that OpenSSL need not see to it.
    // On the connection's loop, as those below.
    std::function<bool(ByteView der)> vouch{};
    // Once the chain is verified: a last word on the peer's certificate (DER), as revocation.
    // Called on the connection's loop, for each connection: with several loops it must be
    // thread-safe. An error ends the handshake; the peer hears "bad certificate".
    std::function<Result<>(ByteView der)> admit{};
    // Asked before it: true ends the handshake, and the peer hears "certificate revoked".
    std::function<bool(ByteView der)> revoked{};
    // Server: what proves to a client that asks (RFC 6066 8) that our own certificate is not
    // revoked: an OCSP response, DER; null or empty: nothing is sent. On the connection's loop.
    std::function<std::shared_ptr<const Bytes>()> status_response{};
    // Server: sessions kept for clients that come back (RFC 8446 2.2), some 10 kB each; the
    // oldest go first. Who is not among them shakes hands anew. 0: none.
    std::size_t sessions_kept = 8192;
    // Client: what time it is, for the validity of the server's certificates. Default: the
    // machine's clock. For devices whose clock may be wrong.
    std::function<Timestamp()> now{};
    // Client: the validity is not looked at. `admit` sees the certificate, to judge it later by a
    // clock that this connection asks for.
    bool at_any_time = false;
};

// The same from files; each error names its file.
struct TlsFiles {
    // Paths; empty ones are left out.
    std::string certificate_chain{}, private_key{}, trusted{}, revocation_lists{};
};
Result<TlsOptions> read_tls_files(const TlsFiles& files);

class TlsContext {
 public:
    static Result<std::shared_ptr<const TlsContext>> server(TlsOptions options);
    // Server certificates must verify against `trusted` and carry the name we connect to.
    static Result<std::shared_ptr<const TlsContext>> client(TlsOptions options);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;

    struct Handle;  // OpenSSL's; seen by tls.cpp only
    const Handle& handle() const { return *handle_; }
    const TlsOptions& options() const { return options_; }
    std::size_t sessions_kept() const;  // now

 private:
    TlsContext(TlsOptions options, std::unique_ptr<Handle> handle);
    TlsOptions options_;
    std::unique_ptr<Handle> handle_;
};

}  // namespace mw::net
