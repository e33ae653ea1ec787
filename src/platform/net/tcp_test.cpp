#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/net/net.h"
#include "platform/net/throwaway_pki.h"

namespace mw::net {
namespace {

TlsOptions own(const std::string& name, const std::string& alternative = "", int days = 30) {
    Pem pem = pki().issue(name, alternative, days);
    return {.certificate_chain = pem.certificate, .private_key = pem.key, .trusted = pki().ca()};
}
TlsOptions server_options(ClientCertificate wanted = ClientCertificate::none) {
    TlsOptions options = own("server", "DNS:localhost,DNS:hub.test,IP:127.0.0.1");
    options.client_certificate = wanted;
    return options;
}

// One listener and what happens when somebody connects to it.
struct Meeting {
    std::unique_ptr<Loop> loop = *Loop::open();
    std::unique_ptr<Listener> listener;
    std::unique_ptr<Stream> server;

    explicit Meeting(ListenOptions options = {}) : listener(*Listener::open(*loop, options)) {}
    explicit Meeting(TlsOptions tls) : Meeting(ListenOptions{.tls = *TlsContext::server(tls)}) {}

    ConnectOptions to(std::string host = "127.0.0.1") {
        return {.host = host, .port = listener->address().port, .limit = seconds(5)};
    }
    Result<std::unique_ptr<Stream>> dial(ConnectOptions options) {
        Scope scope(*loop);
        auto accept = [&]() -> Task<> {
            CO_TRY(server, co_await listener->accept());
            co_return Result<>{};
        };
        scope.spawn(accept());
        auto client = sync_wait(*loop, connect(options));
        for (int i = 0; i < 1000 && !server && client; ++i) loop->turn(false);
        return client;
    }
    Result<std::unique_ptr<Stream>> dial(TlsOptions tls, std::string host = "127.0.0.1") {
        ConnectOptions options = to(host);
        options.tls = *TlsContext::client(tls);
        return dial(options);
    }
    // In TLS 1.3 the client hears of a refused certificate at its first read.
    std::string refusal(Result<std::unique_ptr<Stream>> client) {
        if (!client) return client.error().message;
        auto seen = sync_wait(*loop, within(seconds(5), (*client)->read()));
        return seen ? "none" : seen.error().message;
    }
};

TEST(Tcp, tells_addresses_of_both_ends) {
    Meeting m;
    auto client = m.dial(m.to());
    ASSERT_TRUE(client.ok()) << client.error().message;
    EXPECT_EQ((*client)->peer(), m.listener->address());
    EXPECT_EQ(m.server->peer().host, "127.0.0.1");
    EXPECT_TRUE(m.server->peer_certificate().empty());
    EXPECT_EQ(m.listener->counters().open, 1u);
    m.server.reset();
    EXPECT_EQ(m.listener->counters().open, 0u);
}

TEST(Tcp, localhost_needs_no_resolver_and_other_names_do) {
    Meeting m;
    EXPECT_TRUE(m.dial(m.to("localhost")).ok());
    auto refused = m.dial(m.to("hub.example"));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Errc::invalid_input);
    Workers workers({.threads = 1});
    auto options = m.to("localhost.");
    options.resolver = &workers;
    ignore(m.dial(options), "whether it resolves is the machine's affair; it must come back");
}

TEST(Tcp, says_that_nobody_listens) {
    Meeting m;
    auto to = m.to();
    m.listener->close();
    auto refused = m.dial(to);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("nobody listens"), std::string::npos);
}

TEST(Tcp, a_taken_port_says_so) {
    Meeting m;
    ListenOptions same;
    same.port = m.listener->address().port;
    auto second = Listener::open(*m.loop, same);
    ASSERT_FALSE(second.ok());
    EXPECT_NE(second.error().message.find("in use"), std::string::npos);
}

TEST(Tcp, two_listeners_may_share_a_port_when_asked) {
    Meeting m(ListenOptions{.reuse_port = true});
    ListenOptions same{.port = m.listener->address().port, .reuse_port = true};
    EXPECT_TRUE(Listener::open(*m.loop, same).ok());
}

TEST(Tcp, closing_the_listener_ends_accept_as_cancelled) {
    Meeting m;
    m.listener->close();
    EXPECT_EQ(sync_wait(*m.loop, m.listener->accept()).error().code, Errc::cancelled);
}

TEST(Tcp, connections_over_the_limit_are_closed) {
    Meeting m(ListenOptions{.connections = 1});
    auto first = m.dial(m.to());
    ASSERT_TRUE(first.ok());
    auto keep = std::move(m.server);
    auto second = m.dial(m.to());
    ASSERT_TRUE(second.ok());  // the kernel accepts; we hang up
    auto seen = sync_wait(*m.loop, within(seconds(5), (*second)->read()));
    EXPECT_TRUE(!seen.ok() || seen->empty());
    EXPECT_EQ(m.listener->counters().refused_full, 1u);
}

TEST(Tcp, without_descriptors_connections_are_shed_and_the_listener_lives) {
    Meeting m;
    int client = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    std::vector<int> taken;
    for (int fd; (fd = ::dup(client)) >= 0;) taken.push_back(fd);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(m.listener->address().port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to);
    for (int i = 0; i < 100 && m.listener->counters().refused_descriptors == 0; ++i)
        m.loop->turn(false);
    EXPECT_EQ(m.listener->counters().refused_descriptors, 1u);
    for (int fd : taken) ::close(fd);
    ::close(client);
    EXPECT_TRUE(m.dial(m.to()).ok());
}

TEST(Tls, client_certificate_reaches_the_server) {
    Meeting m(server_options(ClientCertificate::required));
    auto client = m.dial(own("pump-7"));
    ASSERT_TRUE(client.ok()) << client.error().message;
    ASSERT_TRUE(m.server);
    std::string der(text_of(m.server->peer_certificate()));
    EXPECT_NE(der.find("pump-7"), std::string::npos);
    std::string of_server(text_of((*client)->peer_certificate()));
    EXPECT_NE(of_server.find("server"), std::string::npos);
}

TEST(Tls, optional_client_certificate_may_be_missing_but_not_wrong) {
    Meeting m(server_options(ClientCertificate::optional));
    ASSERT_TRUE(m.dial({.trusted = pki().ca()}).ok());
    ASSERT_TRUE(m.server);
    EXPECT_TRUE(m.server->peer_certificate().empty());
    m.server.reset();
    ThrowawayPki other("Another CA");
    Pem stranger = other.issue("stranger");
    TlsOptions foreign{.certificate_chain = stranger.certificate,
                       .private_key = stranger.key,
                       .trusted = pki().ca()};
    EXPECT_NE(m.refusal(m.dial(foreign)), "none");
    EXPECT_FALSE(m.server);
    EXPECT_EQ(m.listener->counters().failed_handshakes, 1u);
    EXPECT_NE(m.listener->counters().last_failure.find("not among those we trust"),
              std::string::npos)
        << m.listener->counters().last_failure;
}

TEST(Tls, required_client_certificate_that_is_missing_is_named_on_both_sides) {
    Meeting m(server_options(ClientCertificate::required));
    auto said = m.refusal(m.dial({.trusted = pki().ca()}));
    EXPECT_NE(said.find("client certificate"), std::string::npos) << said;
    EXPECT_NE(m.listener->counters().last_failure.find("gave no certificate"), std::string::npos);
}

TEST(Tls, expired_client_certificate_is_refused) {
    Meeting m(server_options(ClientCertificate::required));
    auto said = m.refusal(m.dial(own("old", "", -1)));
    EXPECT_NE(said.find("expired"), std::string::npos) << said;
}

TEST(Tls, an_unjudged_certificate_proves_its_key_and_nothing_else) {
    Meeting m(server_options(ClientCertificate::unjudged));
    ThrowawayPki other("Other CA");
    const Pem stranger = other.issue("stranger");
    TlsOptions foreign{.certificate_chain = stranger.certificate,
                       .private_key = stranger.key,
                       .trusted = pki().ca()};
    ASSERT_TRUE(m.dial(foreign).ok());
    ASSERT_TRUE(m.server);
    EXPECT_NE(text_of(m.server->peer_certificate()).find("stranger"), std::string::npos);
    m.server.reset();
    ASSERT_TRUE(m.dial(own("old", "", -1)).ok());  // it has ended
    ASSERT_TRUE(m.server);
    EXPECT_NE(text_of(m.server->peer_certificate()).find("old"), std::string::npos);
    m.server.reset();
    ASSERT_TRUE(m.dial({.trusted = pki().ca()}).ok());
    ASSERT_TRUE(m.server);
    EXPECT_TRUE(m.server->peer_certificate().empty());
}

TEST(Tls, the_client_says_what_time_it_is) {
    Meeting m(server_options());
    const auto real = RealClock().now();
    TlsOptions options{.trusted = pki().ca()};
    options.now = [&] { return real + hours{24} * 3650; };
    auto said = m.refusal(m.dial(options));
    EXPECT_NE(said.find("expired"), std::string::npos) << said;
    options.now = [&] { return real - hours{24} * 3650; };
    said = m.refusal(m.dial(options));
    EXPECT_NE(said.find("not yet valid"), std::string::npos) << said;
    options.at_any_time = true;
    Bytes seen;
    options.admit = [&](ByteView der) -> Result<> {
        seen.assign(der.begin(), der.end());
        return {};
    };
    ASSERT_TRUE(m.dial(options).ok());
    EXPECT_FALSE(seen.empty());
    options.trusted = ThrowawayPki("Other CA").ca();  // time is all that it overlooks
    EXPECT_FALSE(m.dial(options).ok());
}

TEST(Tls, the_last_word_on_a_certificate_is_ours) {
    TlsOptions options = server_options(ClientCertificate::required);
    options.admit = [](ByteView der) -> Result<> {
        if (text_of(der).find("revoked-3") == std::string_view::npos) return {};
        return Error{Errc::denied, "revoked"};
    };
    Meeting m(options);
    auto said = m.refusal(m.dial(own("revoked-3")));
    EXPECT_NE(said.find("refused our certificate"), std::string::npos) << said;
    EXPECT_NE(m.listener->counters().last_failure.find("revoked"), std::string::npos);
    EXPECT_TRUE(m.dial(own("pump-8")).ok());
}

TEST(Tls, the_servers_name_must_be_in_its_certificate) {
    Meeting m(server_options());
    ConnectOptions options = m.to();
    options.tls = *TlsContext::client({.trusted = pki().ca()});
    options.server_name = "hub.test";
    EXPECT_TRUE(m.dial(options).ok());
    options.server_name = "other.test";
    auto refused = m.dial(options);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("Connect by a name"), std::string::npos)
        << refused.error().message;
}

Bytes pin_of(const std::string& pem) {
    std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), -1), BIO_free);
    std::unique_ptr<X509, decltype(&X509_free)> x(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    unsigned char* der = nullptr;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x.get()), &der);
    Bytes hash(32);
    EVP_Digest(der, static_cast<std::size_t>(size), hash.data(), nullptr, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    return hash;
}

TEST(Tls, a_pinned_root_that_the_server_sends_vouches_for_it) {
    TlsOptions options = server_options();
    options.certificate_chain += pki().ca();
    Meeting m(options);
    EXPECT_TRUE(m.dial({.pinned_root = pin_of(pki().ca())}).ok());
    ThrowawayPki other("Another CA");
    auto refused = m.dial({.pinned_root = pin_of(other.ca())});
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("pinned"), std::string::npos);
    // Pinning the leaf's CA says nothing about the name.
    ConnectOptions elsewhere = m.to();
    elsewhere.tls = *TlsContext::client({.pinned_root = pin_of(pki().ca())});
    elsewhere.server_name = "other.test";
    EXPECT_FALSE(m.dial(elsewhere).ok());
}

TEST(Tls, an_impostor_that_sends_the_pinned_root_is_refused) {
    ThrowawayPki impostor("Impostor CA");
    Pem pem = impostor.issue("server", "IP:127.0.0.1");
    Meeting m(
        TlsOptions{.certificate_chain = pem.certificate + pki().ca(), .private_key = pem.key});
    EXPECT_FALSE(m.dial({.pinned_root = pin_of(pki().ca())}).ok());
}

TEST(Tls, a_server_of_another_ca_is_refused_by_the_client) {
    Meeting m(server_options());
    ThrowawayPki other("Another CA");
    auto refused = m.dial({.trusted = other.ca()});
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("not among those we trust"), std::string::npos);
}

TEST(Tls, plain_text_to_a_tls_port_fails_with_a_hint) {
    Meeting m(server_options());
    auto client = m.dial(m.to());
    ASSERT_TRUE(client.ok());
    ASSERT_TRUE((*client)->write("GET / HTTP/1.1\r\n\r\n").ok());
    while (m.listener->counters().failed_handshakes == 0) m.loop->turn(true);
    EXPECT_NE(m.listener->counters().last_failure.find("https://"), std::string::npos);
}

TEST(Tls, a_silent_client_is_dropped_after_the_handshake_limit) {
    ListenOptions options{.tls = *TlsContext::server(server_options())};
    options.handshake_limit = milliseconds(5);
    Meeting m(options);
    auto client = m.dial(m.to());
    ASSERT_TRUE(client.ok());
    auto seen = sync_wait(*m.loop, within(seconds(5), (*client)->read()));
    EXPECT_TRUE(seen.ok() && seen->empty());
    EXPECT_EQ(m.listener->counters().failed_handshakes, 1u);
}

TEST(Tls, a_swapped_context_serves_the_next_connection) {
    Meeting m(server_options());
    ASSERT_TRUE(m.dial({.trusted = pki().ca()}).ok());
    ThrowawayPki renewed("Renewed CA");
    Pem pem = renewed.issue("server", "IP:127.0.0.1");
    m.listener->set_tls(
        *TlsContext::server({.certificate_chain = pem.certificate, .private_key = pem.key}));
    EXPECT_FALSE(m.dial({.trusted = pki().ca()}).ok());
    EXPECT_TRUE(m.dial({.trusted = renewed.ca()}).ok());
}

TEST(Tls, a_cut_without_farewell_is_an_error_not_an_end) {
    Meeting m(server_options());
    // A relay that passes everything on and then cuts below TLS.
    auto relay = *Listener::open(*m.loop, {});
    Scope scope(*m.loop);
    auto pass = [](Stream& from, Stream& to) -> Task<> {
        for (;;) {
            CO_TRY(auto bytes, co_await from.read());
            if (bytes.empty()) break;
            CO_TRY_VOID(to.write(bytes));
        }
        to.finish();
        co_return Result<>{};
    };
    Event cut;
    auto serve = [&]() -> Task<> {
        CO_TRY(auto near, co_await relay->accept());
        CO_TRY(auto far, co_await connect(m.to()));
        Scope both(*m.loop);
        both.spawn(pass(*near, *far));
        both.spawn(pass(*far, *near));
        CO_TRY_VOID(co_await cut.wait());
        both.cancel();
        CO_TRY_VOID(co_await both.join());
        near->close();
        co_return Result<>{};
    };
    scope.spawn(serve());
    ConnectOptions options{.host = "127.0.0.1", .port = relay->address().port};
    options.tls = *TlsContext::client({.trusted = pki().ca()});
    auto client = m.dial(options);
    ASSERT_TRUE(client.ok()) << client.error().message;
    cut.set();
    auto seen = sync_wait(*m.loop, within(seconds(5), (*client)->read()));
    ASSERT_FALSE(seen.ok());
    EXPECT_NE(seen.error().message.find("farewell"), std::string::npos);
}

struct BadPem {
    const char* name;
    std::function<TlsOptions()> options;
    const char* says;
};
class BadTlsOptions : public testing::TestWithParam<BadPem> {};
TEST_P(BadTlsOptions, are_refused_in_words) {
    auto made = TlsContext::server(GetParam().options());
    ASSERT_FALSE(made.ok());
    EXPECT_NE(made.error().message.find(GetParam().says), std::string::npos)
        << made.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Rows, BadTlsOptions,
    testing::Values(BadPem{"no_certificate", [] { return TlsOptions{}; }, "no PEM certificate"},
                    BadPem{"no_key",
                           [] {
                               auto o = server_options();
                               o.private_key = "nonsense";
                               return o;
                           },
                           "our private key"},
                    BadPem{"key_of_another",
                           [] {
                               auto o = server_options();
                               o.private_key = own("x").private_key;
                               return o;
                           },
                           "doesn't belong"},
                    BadPem{"torn_certificate",
                           [] {
                               auto o = server_options();
                               o.certificate_chain.resize(o.certificate_chain.size() / 2);
                               return o;
                           },
                           "certificate chain"},
                    BadPem{"nobody_trusted",
                           [] {
                               auto o = server_options(ClientCertificate::required);
                               o.trusted.clear();
                               return o;
                           },
                           "trusted certificates"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Tls, missing_files_are_named) {
    auto read = read_tls_files({.trusted = "/nonexistent/ca.pem"});
    ASSERT_FALSE(read.ok());
    EXPECT_NE(read.error().message.find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace mw::net
