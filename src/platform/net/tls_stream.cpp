#include "platform/net/tls_stream.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "platform/net/output_pool.h"
#include "platform/net/tls_handle.h"

namespace mw::net {

// OpenSSL's view of us: it reads from input_ and writes to cipher_, and never blocks on writing.
struct TlsBio {
    static int read(BIO* bio, char* to, std::size_t size, std::size_t* taken) {
        auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        *taken = std::min(size, self.input_.size());
        if (*taken == 0) return BIO_set_retry_read(bio), 0;
        std::memcpy(to, self.input_.data(), *taken);
        self.input_ = self.input_.subspan(*taken);
        return 1;
    }
    static int write(BIO* bio, const char* from, std::size_t size, std::size_t* taken) {
        auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        auto bytes = reinterpret_cast<const std::uint8_t*>(from);
        if (self.cipher_.capacity() == 0) self.cipher_ = OutputPool::here().take();
        self.cipher_.insert(self.cipher_.end(), bytes, bytes + size);
        *taken = size;
        return 1;
    }
    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH; }
    static BIO_METHOD* method() {
        static BIO_METHOD* method = [] {
            BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "loop");
            BIO_meth_set_read_ex(m, read);
            BIO_meth_set_write_ex(m, write);
            BIO_meth_set_ctrl(m, control);
            return m;
        }();
        return method;
    }
};

namespace {
// A recv of ciphertext opens to less plaintext than itself, plus at most one record begun before.
constexpr std::size_t plain_size = Loop::read_buffer_size + 32 * 1024;
constexpr std::size_t seal_at_once = 256 * 1024;

std::uint8_t* plain_buffer() {
    thread_local auto buffer = std::make_unique<std::uint8_t[]>(plain_size);
    return buffer.get();
}
bool is_numeric(const std::string& host) {
    unsigned char any[16];
    return inet_pton(AF_INET, host.c_str(), any) == 1 ||
           inet_pton(AF_INET6, host.c_str(), any) == 1;
}
}  // namespace

void TlsStream::FreeSsl::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsStream::TlsStream(Loop& loop, Fd fd, Address peer, std::shared_ptr<const TlsContext> context,
                     Seat seat)
    : TcpStream(loop, std::move(fd), std::move(peer), std::move(seat)),
      context_(std::move(context)),
      ssl_(SSL_new(context_->handle().context.get())) {
    ASSERT(ssl_ != nullptr);
    BIO* bio = BIO_new(TlsBio::method());
    ASSERT(bio != nullptr);
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_bio(ssl_.get(), bio, bio);  // takes it over
}

TlsStream::~TlsStream() { close(); }

Task<> TlsStream::handshake(std::string server_name) {
    if (context_->handle().is_server) {
        SSL_set_accept_state(ssl_.get());
    } else {
        SSL_set_connect_state(ssl_.get());
        set_time();
        CO_TRY_VOID(name_server(server_name));
    }
    want(EPOLLIN);
    step_handshake();
    while (!done_ && !error() && is_open()) {
        progress_.reset();
        CO_TRY_VOID(co_await progress_.wait());
    }
    if (error()) co_return *error();
    if (!is_open()) co_return cancelled_error();
    co_return Result<>{};
}

void TlsStream::set_time() {
    const TlsOptions& options = context_->options();
    X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl_.get());
    if (options.at_any_time)
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME);
    else if (options.now)
        X509_VERIFY_PARAM_set_time(parameters,
                                   static_cast<time_t>(options.now().ns / 1'000'000'000));
}

Result<> TlsStream::name_server(const std::string& name) {
    if (is_numeric(name)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str());
        return {};
    }
    if (SSL_set1_host(ssl_.get(), name.c_str()) != 1 ||
        SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) != 1)
        return Error{Errc::invalid_input, "'" + name + "' can't be the name of a TLS server"};
    return {};
}

void TlsStream::step_handshake() {
    clear_tls_errors();
    int outcome = SSL_do_handshake(ssl_.get());
    if (outcome != 1 && SSL_get_error(ssl_.get(), outcome) != SSL_ERROR_WANT_READ)
        return fail("TLS handshake with " + to_text(peer_));
    // With a session ticket, at once: a client with Nagle's algorithm waits for its ACK.
    if (auto flushed = flush_cipher(); !flushed) return broke(std::move(flushed).error());
    if (outcome != 1) return;
    if (auto admitted = keep_peer_certificate(); !admitted) {
        SSL_shutdown(ssl_.get());
        ignore(flush_cipher(), "we hang up anyway");
        return broke(std::move(admitted).error().context("certificate of " + to_text(peer_)));
    }
    auto early = open_records();
    early_.assign(early.begin(), early.end());
    if (close_notified_) will_end();
    done_ = true;
}

namespace {
Result<Bytes> der_of(X509* certificate) {
    unsigned char* der = nullptr;
    int size = i2d_X509(certificate, &der);
    if (size <= 0) return Error{Errc::invalid_input, "it can't be encoded: " + tls_reason()};
    Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return bytes;
}
}  // namespace

Result<> TlsStream::ask_to_admit(X509* certificate) {
    const TlsOptions& options = context_->options();
    if (!options.admit && !options.revoked) return {};
    TRY(auto der, der_of(certificate));
    if (options.revoked && options.revoked(der))
        return Error{Errc::denied, "the client's certificate is revoked"};
    return options.admit ? options.admit(der) : Result<>{};
}

bool TlsStream::is_revoked(X509* certificate) const {
    const auto der = der_of(certificate);
    return der && context_->options().revoked && context_->options().revoked(*der);
}

TlsStream& TlsStream::of(X509_STORE_CTX* chain) {
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return *static_cast<TlsStream*>(SSL_get_app_data(ssl));
}

bool is_vouched_for(X509_STORE_CTX* chain) {
    const auto der = der_of(X509_STORE_CTX_get0_cert(chain));
    return der && TlsStream::of(chain).context_->options().vouch(*der);
}

int verify_peer(int verified, X509_STORE_CTX* chain) {
    if (!verified || X509_STORE_CTX_get_error_depth(chain) != 0) return verified;
    auto& stream = TlsStream::of(chain);
    X509* leaf = X509_STORE_CTX_get0_cert(chain);
    auto admitted = stream.ask_to_admit(leaf);
    if (admitted) return 1;
    stream.refused_ = std::make_unique<Error>(std::move(admitted).error());
    // The alert: certificate_revoked, or bad_certificate.
    X509_STORE_CTX_set_error(
        chain, stream.is_revoked(leaf) ? X509_V_ERR_CERT_REVOKED : X509_V_ERR_CERT_REJECTED);
    return 0;
}

Result<> TlsStream::keep_peer_certificate() {
    std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_.get()),
                                                            X509_free);
    if (!certificate) return {};
    TRY(peer_certificate_, der_of(certificate.get()));
    // A resumed session brings its certificate along unverified: it may be revoked by now.
    if (SSL_session_reused(ssl_.get())) return ask_to_admit(certificate.get());
    return {};
}

void TlsStream::received(ByteView bytes) {
    input_ = bytes;
    if (!done_) {
        step_handshake();
        input_ = {};
        if (done_ || error()) progress_.set();
        return;
    }
    auto plain = open_records();
    input_ = {};
    if (!cipher_.empty()) mark_dirty();  // an answer of TLS itself
    if (error()) return;
    if (close_notified_) will_end();
    if (!plain.empty()) return arrived(plain);
    if (close_notified_) ended();
}

ByteView TlsStream::open_records() {
    std::size_t filled = 0;
    clear_tls_errors();
    for (;;) {
        std::size_t n = 0;
        int outcome = SSL_read_ex(ssl_.get(), plain_buffer() + filled, plain_size - filled, &n);
        filled += n;
        if (outcome == 1) {
            ASSERT(filled < plain_size);
            // Asking once more only to hear that nothing is left costs a tenth of a read.
            if (input_.empty() && SSL_pending(ssl_.get()) == 0) return {plain_buffer(), filled};
            continue;
        }
        int error = SSL_get_error(ssl_.get(), outcome);
        if (error == SSL_ERROR_ZERO_RETURN)
            close_notified_ = true;
        else if (error != SSL_ERROR_WANT_READ)
            fail("TLS with " + to_text(peer_));
        return {plain_buffer(), filled};
    }
}

ByteView TlsStream::take_early() {
    if (early_.empty()) {
        if (early_taken_.capacity() > 0) Bytes().swap(early_taken_);
        return {};
    }
    early_taken_.swap(early_);
    return early_taken_;
}

void TlsStream::received_end() {
    if (done_ && close_notified_) return ended();
    // RFC 8446 6.1: without close_notify somebody may have cut the stream short.
    broke({Errc::io_failed,
           done_
               ? to_text(peer_) + " closed the connection without TLS's farewell"
               : to_text(peer_) + " closed the connection during the TLS "
                                  "handshake. It may speak plain TCP, or refuse our certificate"});
    progress_.set();
}

Result<std::size_t> TlsStream::send(ByteView bytes) {
    TRY(bool clear, flush_cipher());
    if (!clear) return std::size_t{0};
    clear_tls_errors();
    std::size_t taken = 0;
    bytes = bytes.first(std::min(bytes.size(), seal_at_once));
    if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &taken) != 1)
        return Error{Errc::io_failed, "TLS with " + to_text(peer_) + ": " + tls_reason()};
    TRY(clear, flush_cipher());
    return taken;
}

Result<bool> TlsStream::flush_cipher() {
    while (cipher_sent_ < cipher_.size()) {
        TRY(auto n, send_raw(ByteView(cipher_).subspan(cipher_sent_)));
        if (n == 0) return false;
        cipher_sent_ += n;
    }
    cipher_sent_ = 0;
    if (cipher_.capacity() > 0) OutputPool::here().give(cipher_);
    return true;
}

void TlsStream::socket_sendable() {
    auto clear = flush_cipher();
    if (!clear) return broke(std::move(clear).error());
    if (!*clear) return;
    if (std::exchange(end_after_flush_, false)) TcpStream::send_end();
    sendable();
}

void TlsStream::send_end() {
    SSL_shutdown(ssl_.get());
    auto clear = flush_cipher();
    if (clear && *clear) return TcpStream::send_end();
    end_after_flush_ = true;
}

void TlsStream::shut() {
    if (done_ && !error()) {
        SSL_shutdown(ssl_.get());  // a farewell if none was sent yet
        ignore(flush_cipher(), "the peer may be gone");
    } else if (done_) {
        // A line that was cut is no reason to forget the session: OpenSSL would. What broke the
        // rules of TLS was told so, and OpenSSL has forgotten it already.
        SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    progress_.set();
    TcpStream::shut();
    cipher_ = Bytes();
    cipher_sent_ = 0;
}

void TlsStream::fail(std::string_view step) {
    std::string reason = tls_reason();
    if (long verified = SSL_get_verify_result(ssl_.get()); !done_ && verified != X509_V_OK)
        reason = refused_ ? "its certificate is refused: " + refused_->message
                          : describe_verification(verified, *context_);
    ignore(flush_cipher(), "carries the alert, if the peer still listens");
    Errc code = refused_ ? refused_->code : Errc::io_failed;
    broke({code, std::string(step) + ": " + reason});
    progress_.set();
}

}  // namespace mw::net
