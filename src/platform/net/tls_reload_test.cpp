// Certificates that change, are revoked, and are resumed, while a listener lives.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "platform/net/net.h"
#include "platform/net/throwaway_pki.h"

namespace mw::net {
namespace {

TlsOptions of(const Pem& pem) {
    return {.certificate_chain = pem.certificate, .private_key = pem.key, .trusted = pki().ca()};
}
TlsOptions hub_options(const std::string& name = "hub") {
    TlsOptions options = of(pki().issue(name, "DNS:localhost,IP:127.0.0.1"));
    options.client_certificate = ClientCertificate::required;
    return options;
}

// A listener whose connections echo.
struct Echo {
    explicit Echo(TlsOptions options)
        : listener(*Listener::open(*loop, {.tls = *TlsContext::server(std::move(options))})) {
        scope.spawn(accept(*this));
    }
    static Task<> accept(Echo& self) {
        for (;;) {
            CO_TRY(auto stream, co_await self.listener->accept());
            self.last_certificate = text_of(stream->peer_certificate());
            self.scope.spawn(serve(std::move(stream)));
        }
    }
    static Task<> serve(std::unique_ptr<Stream> stream) {
        for (;;) {
            CO_TRY(const auto bytes, co_await stream->read());
            if (bytes.empty()) break;
            CO_TRY_VOID(stream->write(bytes));
        }
        co_return Result<>{};
    }
    Result<std::unique_ptr<Stream>> dial(const Pem& as) {
        ConnectOptions options{.host = "127.0.0.1", .port = listener->address().port};
        options.tls = *TlsContext::client(of(as));
        return sync_wait(*loop, connect(options));
    }
    // "ok" when a word comes back, else why not.
    std::string ask(Stream& client) {
        if (auto written = client.write("word"); !written) return written.error().message;
        auto heard = sync_wait(*loop, within(seconds(5), client.read()));
        if (!heard) return heard.error().message;
        return text_of(*heard) == "word" ? "ok" : "another word";
    }
    std::string ask(const Pem& as) {
        auto client = dial(as);
        return client ? ask(**client) : client.error().message;
    }
    void reload(TlsOptions options) { listener->set_tls(*TlsContext::server(std::move(options))); }
    std::string failure() const { return listener->counters().last_failure; }

    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<Listener> listener;
    std::string last_certificate;
    Scope scope{*loop};
};

bool says(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST(TlsReload, old_connections_go_on_and_new_ones_see_the_new_certificate) {
    Echo echo(hub_options("hub-before"));
    const Pem pump = pki().issue("pump-1");
    auto old = *echo.dial(pump);
    EXPECT_EQ(echo.ask(*old), "ok");
    EXPECT_TRUE(says(std::string(text_of(old->peer_certificate())), "hub-before"));
    echo.reload(hub_options("hub-after"));
    auto young = *echo.dial(pump);
    EXPECT_TRUE(says(std::string(text_of(young->peer_certificate())), "hub-after"));
    EXPECT_EQ(echo.ask(*young), "ok");
    EXPECT_EQ(echo.ask(*old), "ok");
}

TEST(TlsReload, a_ca_that_is_trusted_no_more_vouches_for_nobody_new) {
    ThrowawayPki other("Other CA");
    TlsOptions both = hub_options();
    both.trusted += other.ca();
    Echo echo(both);
    const Pem guest = other.issue("guest");
    auto old = *echo.dial(guest);
    EXPECT_EQ(echo.ask(*old), "ok");
    echo.reload(hub_options());
    EXPECT_NE(echo.ask(guest), "ok");
    EXPECT_TRUE(says(echo.failure(), "not among those we trust")) << echo.failure();
    EXPECT_EQ(echo.ask(*old), "ok");
}

TEST(TlsReload, a_revoked_certificate_is_refused_after_the_reload_and_others_are_not) {
    Echo echo(hub_options());
    const Pem good = pki().issue("good"), bad = pki().issue("bad");
    EXPECT_EQ(echo.ask(bad), "ok");
    TlsOptions renewed = hub_options();
    renewed.revocation_lists = pki().revoke({bad.certificate});
    echo.reload(renewed);
    const std::string heard = echo.ask(bad);
    EXPECT_TRUE(says(heard, "our certificate is revoked")) << heard;
    EXPECT_TRUE(says(echo.failure(), "certificate revoked")) << echo.failure();
    EXPECT_EQ(echo.ask(good), "ok");
    echo.reload(hub_options());
    EXPECT_EQ(echo.ask(bad), "ok");
}

TEST(TlsReload, a_list_that_has_ended_or_is_of_another_ca_lets_nobody_in_and_says_so) {
    Echo echo(hub_options());
    const Pem pump = pki().issue("pump-1");
    TlsOptions options = hub_options();
    options.revocation_lists = pki().revoke({}, -1);
    echo.reload(options);
    EXPECT_NE(echo.ask(pump), "ok");
    EXPECT_TRUE(says(echo.failure(), "Put a new list")) << echo.failure();
    ThrowawayPki other("Other CA");
    options.revocation_lists = other.revoke({});
    echo.reload(options);
    EXPECT_NE(echo.ask(pump), "ok");
    EXPECT_TRUE(says(echo.failure(), "None of the lists")) << echo.failure();
}

TEST(TlsReload, what_is_no_list_is_refused_in_words) {
    TlsOptions options = hub_options();
    options.revocation_lists = pki().ca();
    const auto none = TlsContext::server(options);
    ASSERT_FALSE(none.ok());
    EXPECT_TRUE(says(none.error().message, "X509 CRL")) << none.error().message;
    options.revocation_lists = pki().revoke({});
    options.revocation_lists.resize(options.revocation_lists.size() / 2);
    EXPECT_FALSE(TlsContext::server(options).ok());
}

TEST(ListenerMetrics, show_what_the_listener_counts) {
    metrics::Registry registry;
    ListenerMetrics metrics(registry, "mqtt");
    ListenerCounters now{.accepted = 7, .refused_full = 2, .refused_descriptors = 1};
    now.failed_handshakes = 4, now.open = 5, now.sessions_kept = 6;
    metrics.update(now);
    metrics.update(now);
    const std::string text = registry.expose();
    for (const char* line :
         {"connections_accepted_total{listener=\"mqtt\"} 7\n",
          "connections_refused_total{listener=\"mqtt\"} 3\n",
          "handshakes_failed_total{listener=\"mqtt\"} 4\n",
          "connections_open{listener=\"mqtt\"} 5\n", "tls_sessions_kept{listener=\"mqtt\"} 6\n"})
        EXPECT_TRUE(says(text, line)) << text;
}

// A client of OpenSSL's own that keeps its session; it blocks, so it runs on a worker.
class Resuming {
 public:
    Resuming(const Pem& pem, int version) : context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_max_proto_version(context_, version);
        SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT);
        BIO* bio = BIO_new_mem_buf(pem.certificate.data(), -1);
        X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
        BIO_free(bio);
        bio = BIO_new_mem_buf(pem.key.data(), -1);
        EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
        BIO_free(bio);
        SSL_CTX_use_certificate(context_, certificate);
        SSL_CTX_use_PrivateKey(context_, key);
        X509_free(certificate), EVP_PKEY_free(key);
    }
    ~Resuming() { SSL_SESSION_free(session_), SSL_CTX_free(context_); }
    Resuming(const Resuming&) = delete;

    // "new" or "resumed" when a word came back, else "refused".
    std::string ask(std::uint16_t port) {
        sigset_t broken_pipe;  // OpenSSL writes to whoever has hung up
        sigemptyset(&broken_pipe), sigaddset(&broken_pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        std::string outcome = "refused";
        SSL* ssl = SSL_new(context_);
        SSL_set_fd(ssl, fd);
        SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
        if (session_) SSL_set_session(ssl, session_);
        char word[4] = {};
        if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
            SSL_connect(ssl) == 1 && SSL_write(ssl, "word", 4) == 4 &&
            SSL_read(ssl, word, sizeof word) == 4) {
            outcome = SSL_session_reused(ssl) ? "resumed" : "new";
            SSL_SESSION_free(session_);
            session_ = SSL_get1_session(ssl);
            cipher = SSL_get_cipher_name(ssl);
            const unsigned char* response = nullptr;
            const long size = SSL_get_tlsext_status_ocsp_resp(ssl, &response);
            staple.assign(response, response + std::max(size, 0L));
        }
        const unsigned long error = ERR_peek_last_error();
        heard_revoked = ERR_GET_REASON(error) == SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED;
        if (cuts) {
            const linger at_once{.l_onoff = 1, .l_linger = 0};
            ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // it may come back
        } else {
            SSL_shutdown(ssl);
        }
        SSL_free(ssl), ::close(fd);
        ERR_clear_error();
        return outcome;
    }
    bool cuts = false;  // resets the connection, without a farewell
    Bytes staple;       // of the last connection
    std::string cipher;
    bool heard_revoked = false;

 private:
    SSL_CTX* context_;
    SSL_SESSION* session_ = nullptr;
};

class TlsResumption : public testing::TestWithParam<int> {
 protected:
    std::string ask(Echo& echo, Resuming& client) {
        auto job = [&]() -> Result<std::string> {
            return client.ask(echo.listener->address().port);
        };
        return *sync_wait(*echo.loop, workers.run(std::move(job)));
    }
    Workers workers{{.threads = 1}};
};

TEST_P(TlsResumption, keeps_the_identity_and_asks_whether_it_may_come_in) {
    TlsOptions options = hub_options();
    bool welcome = true;
    options.admit = [&](ByteView) -> Result<> {
        if (welcome) return {};
        return Error{Errc::denied, "not any more"};
    };
    Echo echo(options);
    Resuming client(pki().issue("pump-7"), GetParam());
    EXPECT_EQ(ask(echo, client), "new");
    if (GetParam() == TLS1_3_VERSION) EXPECT_EQ(client.cipher, "TLS_AES_128_GCM_SHA256");
    echo.last_certificate.clear();
    EXPECT_EQ(ask(echo, client), "resumed");
    EXPECT_TRUE(says(echo.last_certificate, "pump-7"));
    EXPECT_EQ(ask(echo, client), "resumed");
    welcome = false;
    EXPECT_EQ(ask(echo, client), "refused");
}

TEST_P(TlsResumption, is_open_to_whoever_was_cut_off) {
    Echo echo(hub_options());
    Resuming client(pki().issue("pump-13"), GetParam());
    client.cuts = true;
    EXPECT_EQ(ask(echo, client), "new");
    EXPECT_EQ(ask(echo, client), "resumed");
    EXPECT_EQ(ask(echo, client), "resumed");
}

TEST_P(TlsResumption, keeps_so_many_sessions_and_the_newest) {
    TlsOptions options = hub_options();
    options.sessions_kept = 2;
    Echo echo(options);
    Resuming first(pki().issue("pump-14"), GetParam());
    Resuming second(pki().issue("pump-15"), GetParam()), third(pki().issue("pump-16"), GetParam());
    for (Resuming* client : {&first, &second, &third}) EXPECT_EQ(ask(echo, *client), "new");
    EXPECT_EQ(echo.listener->counters().sessions_kept, 2u);
    EXPECT_EQ(ask(echo, third), "resumed");
    EXPECT_EQ(ask(echo, first), "new");

    options.sessions_kept = 0;
    echo.reload(options);
    EXPECT_EQ(ask(echo, second), "new");
    EXPECT_EQ(ask(echo, second), "new");
    EXPECT_EQ(echo.listener->counters().sessions_kept, 0u);
}

TEST_P(TlsResumption, ends_with_a_reload_so_revocation_counts) {
    Echo echo(hub_options());
    const Pem pem = pki().issue("pump-8");
    Resuming client(pem, GetParam());
    EXPECT_EQ(ask(echo, client), "new");
    EXPECT_EQ(ask(echo, client), "resumed");
    echo.reload(hub_options());
    EXPECT_EQ(ask(echo, client), "new");
    TlsOptions options = hub_options();
    options.revocation_lists = pki().revoke({pem.certificate});
    echo.reload(options);
    EXPECT_EQ(ask(echo, client), "refused");
}

TEST_P(TlsResumption, who_is_revoked_hears_it_also_when_it_resumes) {
    TlsOptions options = hub_options();
    bool revoked = false;
    options.revoked = [&](ByteView) { return revoked; };
    Echo echo(options);
    Resuming client(pki().issue("pump-9"), GetParam()), late(pki().issue("pump-10"), GetParam());
    EXPECT_EQ(ask(echo, client), "new");
    revoked = true;
    EXPECT_EQ(ask(echo, client), "refused");
    EXPECT_EQ(ask(echo, late), "refused");
    EXPECT_TRUE(late.heard_revoked);
    revoked = false;
    EXPECT_EQ(ask(echo, late), "new");
}

TEST_P(TlsResumption, a_client_that_asks_is_shown_that_our_certificate_is_good) {
    TlsOptions options = hub_options();
    std::shared_ptr<const Bytes> response;
    options.status_response = [&] { return response; };
    Echo echo(options);
    Resuming client(pki().issue("pump-11"), GetParam()), other(pki().issue("pump-12"), GetParam());
    EXPECT_EQ(ask(echo, client), "new");
    EXPECT_TRUE(client.staple.empty());
    response = std::make_shared<const Bytes>(Bytes{0x30, 3, 0x0a, 1, 0});
    EXPECT_EQ(ask(echo, other), "new");
    EXPECT_EQ(other.staple, *response);
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsResumption, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& row) {
                             return row.param == TLS1_2_VERSION ? "tls_1_2" : "tls_1_3";
                         });

}  // namespace
}  // namespace mw::net
