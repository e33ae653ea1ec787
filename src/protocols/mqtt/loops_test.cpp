// A broker on several loops with threads, over sockets: its clients notice nothing, and neither do
// its operators.
#include <gtest/gtest.h>

#include "base/log.h"
#include "platform/http/http.h"
#include "platform/net/throwaway_pki.h"
#include "protocols/mqtt/client.h"
#include "protocols/mqtt/fake_world.h"
#include "protocols/mqtt/home.h"
#include "protocols/mqtt/mqtt.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer open_house;

class Plant {
 public:
    template <class A>
    auto wait(A what) {
        return sync_wait(*loop, std::move(what));
    }
    explicit Plant(unsigned loops, Uplink* uplink = nullptr, const std::string& journal = {},
                   const Limits& limits = {})
        : broker(*loop, random, limits, open_house, uplink) {
        EXPECT_TRUE(broker.add_loops(loops - 1).ok());
        if (journal.empty()) return;
        JournalOptions options;
        options.directory = journal;
        EXPECT_TRUE(broker.remember(files, workers, options).ok());
    }
    ~Plant() { EXPECT_TRUE(wait(broker.stop()).ok()); }

    net::Address listen(net::ListenOptions options = {}) {
        auto listener = net::Listener::open(*loop, std::move(options)).value();
        const net::Address address = listener->address();
        broker.serve(std::move(listener), [](ByteView) -> Result<Identity> { return Identity{}; });
        return address;
    }
    std::unique_ptr<net::Stream> dial(net::Address to,
                                      std::shared_ptr<const net::TlsContext> tls = {}) {
        return wait(net::connect({.host = to.host, .port = to.port, .tls = std::move(tls)}))
            .value();
    }
    std::unique_ptr<Client> connect(net::Address to, const std::string& name, bool lasts = false) {
        ClientOptions options{.client_id = name};
        options.clean_start = !lasts;
        options.session_expiry_s = lasts ? 1'000 : 0;
        return wait(Client::connect(dial(to), options)).value();
    }
    void until(const std::function<bool()>& holds) {
        const SteadyTime end = loop->clock().steady() + seconds{60};
        while (!holds() && loop->clock().steady() < end) loop->turn(true);
        ASSERT_TRUE(holds());
    }

    log::Capture quiet;
    SystemRandom random;
    files::RealFiles files;
    Workers workers{{1, 64, 0, "disk"}};
    std::unique_ptr<Loop> loop = Loop::open().value();
    Broker broker;
};

// A name whose session lives on that shard.
std::string name_on(ShardNumber shard, ShardNumber shards, int nth = 0,
                    Spread spread = Spread::even) {
    for (int n = 0;; ++n) {
        std::string name = "c" + std::to_string(n);
        if (home_of({}, name, shards, spread) == shard && nth-- == 0) return name;
    }
}

Task<> send_all(Client& client, std::string topic, int count) {
    for (int n = 0; n < count;) {
        const auto sent = client.publish(topic, bytes_of(std::to_string(n)), QoS::at_least_once);
        if (sent)
            ++n;
        else if (sent.error().code == Errc::overloaded)
            CO_TRY_VOID(co_await client.room());
        else
            co_return sent.error();
    }
    co_return co_await client.acknowledged(static_cast<Sequence>(count));
}

Task<> receive_all(Client& client, int count) {
    for (int n = 0; n < count; ++n) {
        CO_TRY(const Message message, co_await client.receive());
        if (text_of(message.payload) != std::to_string(n))
            co_return Error{Errc::corrupt, "want " + std::to_string(n) + ", not " +
                                               std::string(text_of(message.payload))};
    }
    co_return Result<>{};
}

TEST(MqttLoops, messages_cross_in_order_and_once) {
    Plant plant(3);
    const net::Address address = plant.listen();
    constexpr int count = 5'000;
    std::vector<std::unique_ptr<Client>> clients;
    Scope scope(*plant.loop);
    for (ShardNumber shard = 0; shard < 3; ++shard) {
        auto publisher = plant.connect(address, name_on(shard, 3));
        auto subscriber = plant.connect(address, name_on((shard + 1) % 3, 3, 1));
        const std::string topic = "t/" + std::to_string(shard);
        ASSERT_TRUE(plant.wait(subscriber->subscribe(topic, QoS::at_least_once)).ok());
        scope.spawn(send_all(*publisher, topic, count));
        scope.spawn(receive_all(*subscriber, count));
        clients.push_back(std::move(publisher));
        clients.push_back(std::move(subscriber));
    }
    ASSERT_TRUE(plant.wait(within(seconds{120}, scope.join())).ok());
    EXPECT_EQ(scope.failures(), 0u);
    // What other loops count is seen a little later.
    plant.until([&] { return plant.broker.metrics().publishes_delivered == 3u * count; });
    plant.until([&] { return plant.broker.metrics().shard_messages == 3u * count; });
    plant.until([&] { return plant.broker.metrics().connected == 6; });
}

TEST(MqttLoops, what_goes_up_is_prepared_on_the_loop_of_its_session) {
    FakeUplink uplink;
    constexpr int count = 2'000;
    Plant plant(3, &uplink);
    const net::Address address = plant.listen();
    std::vector<std::unique_ptr<Client>> clients;
    Scope scope(*plant.loop);
    for (ShardNumber shard = 0; shard < 3; ++shard) {
        const auto name = name_on(shard, 3, 0, Spread::first_has_uplink);
        clients.push_back(plant.connect(address, name));
        scope.spawn(send_all(*clients.back(), "t/" + std::to_string(shard), count));
    }
    ASSERT_TRUE(plant.wait(within(seconds{120}, scope.join())).ok());
    EXPECT_EQ(scope.failures(), 0u);
    ASSERT_EQ(uplink.got.size(), 3u * count);
    std::map<std::string, int> next;
    for (const FakeUplink::Got& got : uplink.got) {
        EXPECT_EQ(got.payload, std::to_string(next[got.topic]));
        const bool here = got.topic == "t/0";  // the uplink's own loop prepares nothing
        EXPECT_EQ(got.length, here ? 0 : got.payload.size());
        ++next[got.topic];
    }
    plant.until([&] { return plant.broker.metrics().shard_messages == 2u * count; });
}

TEST(MqttLoops, operators_see_one_broker) {
    Plant plant(2);
    std::vector<std::string> seen;
    plant.broker.on_presence([&](const Presence& presence) {
        if (presence.what == Presence::What::connected) seen.push_back(presence.client_id);
    });
    const net::Address address = plant.listen();
    const std::string here = name_on(0, 2), there = name_on(1, 2);
    auto a = plant.connect(address, here);
    auto b = plant.connect(address, there);
    ASSERT_TRUE(plant.wait(a->subscribe("t/#", QoS::at_least_once)).ok());
    ASSERT_TRUE(plant.wait(b->subscribe("t/#", QoS::at_least_once)).ok());
    plant.until([&] { return seen.size() == 2; });

    auto one = plant.wait(plant.broker.clients({.limit = 1})).value();
    ASSERT_EQ(one.items.size(), 1u);
    auto other = plant.wait(plant.broker.clients({.after = one.next, .limit = 1})).value();
    ASSERT_EQ(other.items.size(), 1u);
    EXPECT_EQ(std::set<std::string>({one.items[0].client_id, other.items[0].client_id}),
              std::set<std::string>({here, there}));
    EXPECT_EQ(plant.wait(plant.broker.subscriptions({.topic = "t/x"})).value().items.size(), 2u);

    auto trace = plant.broker.trace({.client = there}).value();
    auto traced = [&]() -> Task<> {  // the other loop takes a moment to begin
        for (;;) {
            CO_TRY(const TraceBatch batch, co_await trace->next(milliseconds{50}));
            if (!batch.events.empty()) co_return Result<>{};
            if (!plant.broker.publish_local("t/x", bytes_of("v"), true, QoS::at_least_once))
                co_return Error{Errc::io_failed, "not published"};
        }
    };
    ASSERT_TRUE(plant.wait(within(seconds{60}, traced())).ok());
    trace.reset();

    EXPECT_EQ(plant.wait(plant.broker.kick({.client = there})).value().connections, 1u);
    EXPECT_FALSE(plant.wait(b->closed()).ok());
    EXPECT_TRUE(a->is_open());
    EXPECT_EQ(plant.broker.metrics().retained_messages, 1u);
}

TEST(MqttLoops, streams_of_all_kinds_move) {
    Plant plant(2);
    net::ThrowawayPki pki;
    const auto options = [&](const net::Pem& pem) {
        net::TlsOptions tls;
        tls.certificate_chain = pem.certificate;
        tls.private_key = pem.key;
        tls.trusted = pki.ca();
        return tls;
    };
    net::ListenOptions tls, websocket;
    auto server = options(pki.issue("localhost", "DNS:localhost,IP:127.0.0.1"));
    server.client_certificate = net::ClientCertificate::required;
    tls.tls = net::TlsContext::server(std::move(server)).value();
    websocket.tls = tls.tls;
    http::WebSocketOptions upgrade;
    upgrade.paths = {"/mqtt"};
    upgrade.protocol = "mqtt";
    websocket.upgrade = http::websocket_upgrade(upgrade);
    const net::Address by_tls = plant.listen(tls), by_websocket = plant.listen(websocket);
    const auto ours = net::TlsContext::client(options(pki.issue("device"))).value();

    auto a =
        plant.wait(Client::connect(plant.dial(by_tls, ours), {.client_id = name_on(1, 2)})).value();
    http::WebSocketTarget target{"localhost", "/mqtt", "mqtt"};
    auto below = plant.dial(by_websocket, ours);
    auto web = plant.wait(http::open_websocket(std::move(below), target, plant.random)).value();
    auto b = plant.wait(Client::connect(std::move(web), {.client_id = name_on(1, 2, 1)})).value();
    ASSERT_TRUE(plant.wait(b->subscribe("t", QoS::at_least_once)).ok());
    Scope scope(*plant.loop);
    scope.spawn(send_all(*a, "t", 500));
    scope.spawn(receive_all(*b, 500));
    ASSERT_TRUE(plant.wait(within(seconds{60}, scope.join())).ok());
    EXPECT_EQ(scope.failures(), 0u);
    plant.until([&] { return plant.broker.metrics().publishes_delivered == 500u; });
    EXPECT_EQ(plant.broker.metrics().shard_messages, 0u);  // both live on the second loop
    const auto any = [](ByteView) { return true; };
    EXPECT_EQ(plant.wait(plant.broker.drop_connections(any, "revoked")).value(), 2u);
}

TEST(MqttLoops, who_says_no_connect_is_let_go) {
    Plant plant(2);
    const net::Address address = plant.listen();
    auto stream = plant.dial(address);
    ASSERT_TRUE(stream->write("GET / HTTP/1.1\r\n\r\n").ok());
    auto silent = plant.dial(address);
    silent->finish();
    plant.until([&] { return plant.broker.metrics().connections_refused == 1; });
    plant.until([&] { return plant.broker.metrics().protocol_errors == 1; });
}

TEST(MqttLoops, sessions_move_as_the_number_of_loops_changes) {
    const auto folder = files::TemporaryDirectory::make().value();
    const std::string journal = folder.path() + "/sessions";
    constexpr int sessions = 6;
    {
        Plant plant(1, nullptr, journal);
        const net::Address address = plant.listen();
        for (int n = 0; n < sessions; ++n) {
            auto client = plant.connect(address, "s" + std::to_string(n), true);
            ASSERT_TRUE(plant.wait(client->subscribe("t", QoS::at_least_once)).ok());
        }
        ASSERT_TRUE(plant.broker.publish_local("t", bytes_of("0"), false, QoS::at_least_once));
        auto publisher = plant.connect(address, "p");
        ASSERT_TRUE(publisher->publish("kept", bytes_of("k"), QoS::at_least_once, true).ok());
        ASSERT_TRUE(plant.wait(publisher->acknowledged(1)).ok());
    }
    int said = 1;
    for (const unsigned loops : {3u, 2u, 1u, 4u}) {
        Plant plant(loops, nullptr, journal);
        const net::Address address = plant.listen();
        plant.until([&] { return plant.broker.metrics().sessions == sessions; });
        EXPECT_EQ(plant.broker.metrics().retained_messages, 1u) << loops;
        auto publisher = plant.connect(address, "p");
        ASSERT_TRUE(
            publisher->publish("t", bytes_of(std::to_string(said++)), QoS::at_least_once).ok());
        ASSERT_TRUE(plant.wait(publisher->acknowledged(1)).ok());
        auto late = plant.connect(address, name_on(loops - 1, loops));
        ASSERT_TRUE(plant.wait(late->subscribe("kept", QoS::at_least_once)).ok());
        EXPECT_EQ(text_of(plant.wait(late->receive()).value().payload), "k");
    }
    Plant plant(2, nullptr, journal);
    const net::Address address = plant.listen();
    for (int n = 0; n < sessions; ++n) {
        auto client = plant.connect(address, "s" + std::to_string(n), true);
        EXPECT_TRUE(client->session_present());
        ASSERT_TRUE(plant.wait(within(seconds{60}, receive_all(*client, said))).ok()) << n;
    }
}

TEST(MqttLoops, what_is_spilled_moves_with_its_session) {
    const auto folder = files::TemporaryDirectory::make().value();
    const std::string journal = folder.path() + "/sessions";
    Limits limits;
    limits.slow_consumers = SlowConsumers::spill;
    limits.queued_messages = 20;
    limits.queued_bytes_in_all = 16'000;
    constexpr int sessions = 4, messages = 1'000;
    {
        Plant plant(1, nullptr, journal, limits);
        const net::Address address = plant.listen();
        for (int n = 0; n < sessions; ++n) {
            auto client = plant.connect(address, "s" + std::to_string(n), true);
            ASSERT_TRUE(plant.wait(client->subscribe("t", QoS::at_least_once)).ok());
        }
        auto publisher = plant.connect(address, "p");
        ASSERT_TRUE(plant.wait(send_all(*publisher, "t", messages)).ok());
        EXPECT_GT(plant.broker.metrics().spilled_messages, sessions * (messages - 30u));
    }
    for (const unsigned loops : {3u, 1u, 2u}) {
        Plant plant(loops, nullptr, journal, limits);
        plant.listen();
        plant.until(
            [&] { return plant.broker.metrics().spilled_messages > sessions * (messages - 30u); });
        EXPECT_LE(plant.broker.metrics().queued_bytes, 16'000u) << loops;
        EXPECT_EQ(plant.broker.metrics().spilled_lost, 0u);
    }
    Plant plant(2, nullptr, journal, limits);
    const net::Address address = plant.listen();
    for (int n = 0; n < sessions; ++n) {
        auto client = plant.connect(address, "s" + std::to_string(n), true);
        EXPECT_TRUE(client->session_present());
        ASSERT_TRUE(plant.wait(within(seconds{60}, receive_all(*client, messages))).ok()) << n;
    }
}

}  // namespace
}  // namespace mw::mqtt
