#include "protocols/mqtt/broker.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "platform/crypto/crypto.h"
#include "protocols/mqtt/client.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

// A broker and its clients on one loop, over streams in memory or sockets on loopback.
struct House {
    explicit House(const Authorizer& authorizer, LoopOptions options = {}, Limits limits = {})
        : loop(Loop::open(options).value()), broker(*loop, random, limits, authorizer, &uplink) {}
    ~House() { EXPECT_TRUE(sync_wait(*loop, broker.stop()).ok()); }

    std::unique_ptr<net::Stream> stream(Identity identity = {}) {
        auto pair = net::make_stream_pair(*loop);
        broker.serve(std::move(pair.second), std::move(identity));
        return std::move(pair.first);
    }
    Result<std::unique_ptr<Client>> connect(ClientOptions options = {}, Identity identity = {}) {
        return sync_wait(*loop, Client::connect(stream(std::move(identity)), std::move(options)));
    }
    net::Address listen(std::shared_ptr<const net::TlsContext> tls, Broker::Resolver resolver) {
        auto listener = net::Listener::open(*loop, {.tls = std::move(tls)}).value();
        const net::Address address = listener->address();
        broker.serve(std::move(listener), std::move(resolver));
        return address;
    }
    void reach(Ticket ticket) {
        uplink.reached = ticket;
        broker.on_durable(ticket);
    }

    log::Capture quiet;
    SystemRandom random;
    FakeUplink uplink;
    std::unique_ptr<Loop> loop;
    Broker broker;
};

const OpenAuthorizer everybody;
Result<Identity> anybody(ByteView) { return Identity{}; }

TEST(MqttBroker, carries_a_message_from_client_to_client) {
    House house(everybody);
    auto a = house.connect({.client_id = "a"}).value();
    auto b = house.connect({.version = Version::v3_1_1, .client_id = "b"}).value();
    ASSERT_TRUE(sync_wait(*house.loop, b->subscribe("t/#", QoS::at_least_once)).ok());
    ASSERT_TRUE(a->publish("t/x", bytes_of("hello"), QoS::at_least_once).ok());
    const Message got = sync_wait(*house.loop, b->receive()).value();
    EXPECT_EQ(got.topic, "t/x");
    EXPECT_EQ(text_of(got.payload), "hello");
    EXPECT_EQ(got.qos, QoS::at_least_once);
    EXPECT_TRUE(sync_wait(*house.loop, a->acknowledged(1)).ok());
    ASSERT_TRUE(sync_wait(*house.loop, b->unsubscribe("t/#")).ok());
    ASSERT_TRUE(sync_wait(*house.loop, a->disconnect()).ok());
    EXPECT_TRUE(sync_wait(*house.loop, a->closed()).ok());
    EXPECT_EQ(house.broker.metrics().publishes_delivered, 1u);
}

TEST(MqttBroker, acknowledges_when_the_log_has_the_message) {
    House house(everybody);
    house.uplink.mode = FakeUplink::Mode::delay;
    auto client = house.connect({.client_id = "a", .in_flight_max = 3}).value();
    std::vector<Sequence> heard;
    client->on_acknowledged([&](Sequence upto) { heard.push_back(upto); });
    for (Sequence n = 1; n <= 3; ++n)
        EXPECT_EQ(client->publish("t", bytes_of("x"), QoS::at_least_once).value(), n);
    const auto fourth = client->publish("t", bytes_of("x"), QoS::at_least_once);
    ASSERT_FALSE(fourth.ok());
    EXPECT_EQ(fourth.error().code, Errc::overloaded);
    while (house.broker.metrics().acknowledgements_waiting < 3) house.loop->turn(true);
    EXPECT_EQ(client->acknowledged(), 0u);
    house.reach({2});
    ASSERT_TRUE(sync_wait(*house.loop, client->acknowledged(2)).ok());
    EXPECT_EQ(client->in_flight(), 1u);
    EXPECT_EQ(heard, std::vector<Sequence>{2});
    EXPECT_TRUE(sync_wait(*house.loop, client->room()).ok());
    house.reach({3});
    ASSERT_TRUE(sync_wait(*house.loop, client->acknowledged(3)).ok());
}

TEST(MqttBroker, twenty_thousand_messages_arrive_once_and_in_order_over_tcp) {
    House house(everybody);
    const net::Address address = house.listen(nullptr, anybody);
    auto dial = [&] {
        return sync_wait(*house.loop, net::connect({.host = address.host, .port = address.port}))
            .value();
    };
    auto a = sync_wait(*house.loop, Client::connect(dial(), {.client_id = "a"})).value();
    auto b = sync_wait(*house.loop, Client::connect(dial(), {.client_id = "b"})).value();
    ASSERT_TRUE(sync_wait(*house.loop, b->subscribe("t", QoS::at_least_once)).ok());
    constexpr std::uint32_t count = 20'000;
    auto send = [](Client& client) -> Task<> {
        for (std::uint32_t n = 0; n < count;) {
            std::uint8_t body[4];
            store_le(body, n);
            auto sent = client.publish("t", body, QoS::at_least_once);
            if (sent)
                ++n;
            else if (sent.error().code == Errc::overloaded)
                CO_TRY_VOID(co_await client.room());
            else
                co_return sent.error();
        }
        co_return co_await client.acknowledged(count);
    };
    auto receive = [](Client& client) -> Task<> {
        for (std::uint32_t n = 0; n < count; ++n) {
            CO_TRY(const Message message, co_await client.receive());
            if (load_le<std::uint32_t>(message.payload.data()) != n)
                co_return Error{Errc::corrupt, "out of order at " + std::to_string(n)};
        }
        co_return Result<>{};
    };
    Scope scope(*house.loop);
    scope.spawn(send(*a));
    const auto received = sync_wait(*house.loop, receive(*b));
    EXPECT_TRUE(received.ok()) << received.error().message;
    ASSERT_TRUE(sync_wait(*house.loop, scope.join()).ok());
    EXPECT_EQ(scope.failures(), 0u);
    EXPECT_EQ(house.broker.metrics().publishes_received, count);
}

TEST(MqttBroker, pushes_back_while_storage_has_no_room_and_loses_nothing) {
    House house(everybody);
    house.uplink.mode = FakeUplink::Mode::overloaded;
    auto client = house.connect({.client_id = "a", .in_flight_max = 500}).value();
    for (int n = 0; n < 500; ++n)
        ASSERT_TRUE(client->publish("t", bytes_of("x"), QoS::at_least_once).ok());
    while (house.broker.metrics().pushbacks == 0) house.loop->turn(true);
    EXPECT_EQ(house.uplink.got.size(), 0u);
    house.uplink.mode = FakeUplink::Mode::accept;
    house.broker.on_durable({});
    ASSERT_TRUE(sync_wait(*house.loop, client->acknowledged(500)).ok());
    EXPECT_EQ(house.uplink.got.size(), 500u);
    EXPECT_EQ(house.broker.metrics().pushbacks, 1u);
}

TEST(MqttBroker, tells_a_client_in_words_why_it_ends) {
    const DeviceTopics rules;
    House house(rules);
    std::vector<std::string> seen;
    house.broker.on_presence([&](const Presence& presence) {
        seen.push_back((presence.what == Presence::What::connected ? "+" : "-") +
                       presence.identity.name);
    });
    auto client = house.connect({.client_id = "a"}, {Identity::Kind::device, "gw-1"}).value();
    const auto denied = sync_wait(*house.loop, client->subscribe("#", QoS::at_least_once));
    ASSERT_FALSE(denied.ok());
    EXPECT_EQ(denied.error().code, Errc::denied);
    Sequence refused = 0;
    client->on_refused([&](Sequence sequence, ReasonCode) { refused = sequence; });
    ASSERT_TRUE(client->publish("other/topic", bytes_of("x"), QoS::at_least_once).ok());
    ASSERT_TRUE(sync_wait(*house.loop, client->acknowledged(1)).ok());
    EXPECT_EQ(refused, 1u);
    house.broker.forget("gw-1");
    const auto closed = sync_wait(*house.loop, client->closed());
    ASSERT_FALSE(closed.ok());
    EXPECT_EQ(closed.error().message,
              "the server disconnects: administrative action (ended by the operator)");
    EXPECT_FALSE(client->publish("t", {}, QoS::at_most_once).ok());
    EXPECT_EQ(seen, (std::vector<std::string>{"+gw-1", "-gw-1"}));
}

TEST(MqttBroker, a_desired_document_waits_for_its_device) {
    const DeviceTopics rules;
    House house(rules);
    ASSERT_TRUE(
        house.broker.publish_local("mw/v1/gw-1/desired", bytes_of("{}"), true, QoS::at_least_once)
            .ok());
    EXPECT_EQ(house.broker.publish_local("a/#", {}, true, QoS::at_least_once).error().code,
              Errc::invalid_input);
    auto client = house.connect({}, {Identity::Kind::device, "gw-1"}).value();
    EXPECT_TRUE(client->client_id().starts_with("mw-"));
    ASSERT_TRUE(
        sync_wait(*house.loop, client->subscribe("mw/v1/gw-1/desired", QoS::at_least_once)).ok());
    const Message got = sync_wait(*house.loop, client->receive()).value();
    EXPECT_TRUE(got.retain);
    EXPECT_EQ(text_of(got.payload), "{}");
    const auto sessions = house.broker.sessions();
    ASSERT_EQ(sessions.size(), 1u);
    EXPECT_EQ(sessions[0].identity.name, "gw-1");
    EXPECT_TRUE(sessions[0].connected);
}

TEST(MqttBroker, refuses_connections_over_its_limit) {
    Limits limits;
    limits.connections = 1;
    House house(everybody, {}, limits);
    const net::Address address = house.listen(nullptr, anybody);
    auto dial = [&] {
        return sync_wait(*house.loop, net::connect({.host = address.host, .port = address.port}))
            .value();
    };
    auto first = sync_wait(*house.loop, Client::connect(dial(), {})).value();
    EXPECT_FALSE(sync_wait(*house.loop, Client::connect(dial(), {})).ok());
    EXPECT_EQ(house.broker.metrics().connections_refused, 1u);
    EXPECT_TRUE(first->is_open());
}

// Virtual time: nobody waits.
TEST(MqttBroker, ends_a_stream_that_sends_no_connect) {
    SimulatedClock clock;
    House house(everybody, {.simulated = &clock});
    auto silent = house.stream();
    const SteadyTime before = clock.steady();
    const auto bytes = sync_wait(*house.loop, silent->read());
    ASSERT_TRUE(bytes.ok());
    EXPECT_TRUE(bytes->empty());
    EXPECT_GE(clock.steady() - before, seconds{10});
    EXPECT_LE(clock.steady() - before, seconds{12});
}

TEST(MqttBroker, keep_alive_keeps_an_idle_client) {
    SimulatedClock clock;
    House house(everybody, {.simulated = &clock});
    auto client = house.connect({.client_id = "a", .keep_alive_s = 2}).value();
    ASSERT_TRUE(sync_wait(*house.loop, sleep_for(seconds{60})).ok());
    EXPECT_TRUE(client->is_open());
    EXPECT_EQ(house.broker.metrics().keep_alive_timeouts, 0u);
}

TEST(MqttClient, gives_up_on_a_server_that_says_nothing) {
    SimulatedClock clock;
    auto loop = Loop::open({.simulated = &clock}).value();
    auto pair = net::make_stream_pair(*loop);
    const auto client = sync_wait(*loop, Client::connect(std::move(pair.first), {}));
    ASSERT_FALSE(client.ok());
    EXPECT_EQ(client.error().code, Errc::timed_out);
}

TEST(MqttClient, reports_a_server_that_breaks_the_protocol) {
    auto loop = Loop::open().value();
    auto pair = net::make_stream_pair(*loop);
    ASSERT_TRUE(pair.second->write(ByteView(Bytes{0x30, 0x00})).ok());
    const auto client = sync_wait(*loop, Client::connect(std::move(pair.first), {}));
    ASSERT_FALSE(client.ok());
    EXPECT_NE(client.error().message.find("broke the protocol"), std::string::npos)
        << client.error().message;
}

// ---- TLS, and strangers

struct Pki {
    Pki() {
        ca = crypto::self_sign(order(crypto::Profile::root_ca, "Test CA"), ca_key, random).value();
    }
    crypto::CertificateOrder order(crypto::Profile profile, std::string name) {
        const Timestamp now = RealClock().now();
        return {
            .profile = profile,
            .subject_cn = std::move(name),
            .names = {.dns = {"localhost"}, .addresses = {"127.0.0.1"}, .uris = {}, .other = {}},
            .not_before = now - hours{1},
            .not_after = now + hours{24}};
    }
    net::TlsOptions options(crypto::Profile profile, const std::string& name) {
        const auto key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
        const auto certificate =
            crypto::issue(order(profile, name), key.public_key().spki(), {ca, ca_key}, random)
                .value();
        net::TlsOptions tls;
        tls.certificate_chain = crypto::to_pem(certificate);
        tls.private_key = key.to_pem();
        tls.trusted = crypto::to_pem(ca);
        return tls;
    }
    std::shared_ptr<const net::TlsContext> server() {
        net::TlsOptions tls = options(crypto::Profile::server, "hub");
        tls.client_certificate = net::ClientCertificate::required;
        return net::TlsContext::server(tls).value();
    }

    SystemRandom random;
    crypto::PrivateKey ca_key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
    crypto::Certificate ca;
};

Result<Identity> by_common_name(ByteView der) {
    TRY(const auto certificate, crypto::certificate_from_der(der));
    if (certificate.subject_cn == "stranger") return Error{Errc::denied, "not one of ours"};
    return Identity{Identity::Kind::device, certificate.subject_cn};
}

TEST(MqttBroker, knows_a_client_by_its_certificate) {
    const DeviceTopics rules;
    House house(rules);
    Pki pki;
    const net::Address address = house.listen(pki.server(), by_common_name);
    auto connect = [&](const char* name) {
        auto tls = net::TlsContext::client(pki.options(crypto::Profile::device, name)).value();
        auto stream = sync_wait(
            *house.loop,
            net::connect({.host = address.host, .port = address.port, .tls = std::move(tls)}));
        return sync_wait(*house.loop, Client::connect(std::move(stream).value(), {}));
    };
    auto client = connect("gw-7").value();
    ASSERT_TRUE(client->publish("mw/v1/gw-7/data/x", bytes_of("1"), QoS::at_least_once).ok());
    ASSERT_TRUE(sync_wait(*house.loop, client->acknowledged(1)).ok());
    ASSERT_EQ(house.uplink.got.size(), 1u);
    EXPECT_EQ(house.uplink.got[0].from.name, "gw-7");
    EXPECT_FALSE(connect("stranger").ok());
}

TEST(MqttBroker, drops_the_connections_of_unwanted_certificates_and_keeps_their_sessions) {
    House house(everybody);
    Pki pki;
    const net::Address address = house.listen(pki.server(), by_common_name);
    auto connect = [&](const char* name) {
        auto tls = net::TlsContext::client(pki.options(crypto::Profile::device, name)).value();
        auto stream = sync_wait(
            *house.loop,
            net::connect({.host = address.host, .port = address.port, .tls = std::move(tls)}));
        ClientOptions options{.client_id = "c", .clean_start = false, .session_expiry_s = 100};
        return sync_wait(*house.loop, Client::connect(std::move(stream).value(), options)).value();
    };
    auto lost = connect("lost");
    auto kept = connect("kept");
    auto plain = house.connect({.client_id = "plain"}).value();
    const auto is_lost = [](ByteView der) {
        return crypto::certificate_from_der(der).value().subject_cn == "lost";
    };
    const auto drop = [&] {
        auto dropped = house.broker.drop_connections(is_lost, "its certificate is revoked");
        return sync_wait(*house.loop, std::move(dropped)).value();
    };
    EXPECT_EQ(drop(), 1u);
    const auto told = sync_wait(*house.loop, lost->closed());
    ASSERT_FALSE(told.ok());
    EXPECT_NE(told.error().message.find("its certificate is revoked"), std::string::npos);
    EXPECT_EQ(drop(), 0u);
    EXPECT_TRUE(kept->is_open() && plain->is_open());
    EXPECT_EQ(house.broker.sessions().size(), 3u);
    EXPECT_TRUE(connect("lost")->session_present());
}

// Runs a program beside the loop; gives its output, or what it said when it failed.
Task<std::string> run_program(Workers& workers, std::string command) {
    auto job = [command = command + " 2>&1"]() -> Result<std::string> {
        std::FILE* pipe = popen(command.c_str(), "r");
        if (pipe == nullptr) return Error{Errc::io_failed, "popen"};
        std::string output;
        char buffer[256];
        while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) output += buffer;
        if (pclose(pipe) != 0) return Error{Errc::io_failed, output};
        return output;
    };
    co_return co_await workers.run(std::move(job));
}

bool has_mosquitto_clients() {
    return std::filesystem::exists("/usr/bin/mosquitto_pub") &&
           std::filesystem::exists("/usr/bin/mosquitto_sub");
}

TEST(MqttStrangers, mosquitto_clients_publish_and_subscribe_in_both_versions) {
    if (!has_mosquitto_clients()) GTEST_SKIP() << "apt install mosquitto-clients";
    House house(everybody);
    Workers workers({.threads = 2});
    const net::Address address = house.listen(nullptr, anybody);
    const std::string port = " -h 127.0.0.1 -p " + std::to_string(address.port);
    for (const char* version : {" -V mqttv311", " -V mqttv5"}) {
        for (const char* qos : {"0", "1"}) {
            const std::string topic = std::string("strangers/") + qos;
            const std::string common = port + version + " -q " + qos + " -t ";
            const auto published =
                sync_wait(*house.loop,
                          run_program(workers, "mosquitto_pub" + common + topic + " -m hello -r"));
            ASSERT_TRUE(published.ok()) << published.error().message;
            const auto heard = sync_wait(
                *house.loop,
                run_program(workers, "mosquitto_sub" + common + "'strangers/+' -C 1 -W 10 -v"));
            ASSERT_TRUE(heard.ok()) << heard.error().message;
            EXPECT_EQ(*heard, topic + " hello\n") << version;
            ASSERT_TRUE(house.broker.publish_local(topic, {}, true, QoS::at_most_once).ok());
        }
    }
    EXPECT_EQ(house.broker.metrics().protocol_errors, 0u);
    // A file of many lines, each a message; -l waits for every PUBACK.
    const auto bulk = sync_wait(
        *house.loop,
        run_program(workers, "seq 1000 | mosquitto_pub -l -V mqttv5 -q 1 -t bulk" + port));
    ASSERT_TRUE(bulk.ok()) << bulk.error().message;
    ASSERT_GE(house.uplink.got.size(), 1000u);
    EXPECT_EQ(house.uplink.got.back().payload, "1000");
}

TEST(MqttStrangers, mosquitto_pub_comes_in_with_a_client_certificate) {
    if (!has_mosquitto_clients()) GTEST_SKIP() << "apt install mosquitto-clients";
    const DeviceTopics rules;
    House house(rules);
    Workers workers({.threads = 1});
    Pki pki;
    const net::Address address = house.listen(pki.server(), by_common_name);
    const auto folder =
        std::filesystem::temp_directory_path() / ("mqtt_strangers_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const net::TlsOptions mine = pki.options(crypto::Profile::device, "gw-9");
    std::ofstream(folder / "ca.pem") << mine.trusted;
    std::ofstream(folder / "cert.pem") << mine.certificate_chain;
    std::ofstream(folder / "key.pem") << mine.private_key;
    const std::string at = folder.string();
    const std::string command = "mosquitto_pub -h 127.0.0.1 -p " + std::to_string(address.port) +
                                " --cafile " + at + "/ca.pem --cert " + at + "/cert.pem --key " +
                                at + "/key.pem -V mqttv5 -q 1 -m 1 -t mw/v1/";
    const auto own = sync_wait(*house.loop, run_program(workers, command + "gw-9/data/x"));
    EXPECT_TRUE(own.ok()) << own.error().message;
    ASSERT_EQ(house.uplink.got.size(), 1u);
    EXPECT_EQ(house.uplink.got[0].from.name, "gw-9");
    ignore(sync_wait(*house.loop, run_program(workers, command + "gw-8/data/x")),
           "mosquitto_pub tells a refused PUBACK in its own way");
    EXPECT_EQ(house.uplink.got.size(), 1u);
    EXPECT_EQ(house.broker.metrics().publishes_refused, 1u);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace mw::mqtt
