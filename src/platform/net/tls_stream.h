#pragma once
// Private to this module: TLS over a socket. Ciphertext goes between OpenSSL and the loop's buffers
// through our own BIO, so an idle connection holds no buffers of ours. All records of one recv are
// opened before the reader runs; all writes of a turn share records.

#include "platform/net/tcp_stream.h"
#include "platform/net/tls.h"

struct ssl_st;
typedef struct x509_store_ctx_st X509_STORE_CTX;
typedef struct x509_st X509;

namespace mw::net {

class TlsStream final : public TcpStream {
 public:
    TlsStream(Loop& loop, Fd fd, Address peer, std::shared_ptr<const TlsContext> context,
              Seat seat = {});
    ~TlsStream() override;

    // Which side we are is the context's. Before any read or write.
    Task<> handshake(std::string server_name);

 private:
    struct FreeSsl {
        void operator()(ssl_st* ssl) const;
    };
    friend struct TlsBio;
    friend int verify_peer(int verified, X509_STORE_CTX* chain);
    friend bool is_vouched_for(X509_STORE_CTX* chain);
    static TlsStream& of(X509_STORE_CTX* chain);

    bool wants_input() const override { return !done_ || reader_waits(); }
    void received(ByteView bytes) override;
    void received_end() override;
    Result<std::size_t> send(ByteView bytes) override;
    void send_end() override;
    void shut() override;
    std::size_t transport_unsent() const override { return cipher_.size() - cipher_sent_; }
    ByteView take_early() override;
    void socket_sendable() override;

    void step_handshake();
    void set_time();
    Result<> name_server(const std::string& server_name);
    Result<> keep_peer_certificate();
    Result<> ask_to_admit(X509* certificate);
    bool is_revoked(X509* certificate) const;
    ByteView open_records();           // plaintext, valid until the next call in this thread
    Result<bool> flush_cipher();       // false: the socket is full
    void fail(std::string_view step);  // from OpenSSL's error queue

    std::shared_ptr<const TlsContext> context_;
    std::unique_ptr<ssl_st, FreeSsl> ssl_;
    ByteView input_;  // what the BIO gives, during received()
    Bytes cipher_;    // what the BIO took and the socket has not
    std::size_t cipher_sent_ = 0;
    Bytes early_, early_taken_;  // plaintext that came with the handshake
    Event progress_;
    std::unique_ptr<Error> refused_;  // by options().admit, during the handshake
    bool done_ = false;
    bool close_notified_ = false;  // by the peer
    bool end_after_flush_ = false;
};

}  // namespace mw::net
