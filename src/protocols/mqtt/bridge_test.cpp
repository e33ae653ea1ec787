// Bridges between brokers of our own on one loop, in virtual time, over streams in memory.
#include "protocols/mqtt/bridge.h"

#include <gtest/gtest.h>

#include <map>

#include "base/log.h"
#include "protocols/mqtt/broker.h"
#include "protocols/mqtt/client.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer open_to_all;

LoopOptions virtual_time(SimulatedClock& clock) {
    LoopOptions options;
    options.simulated = &clock;
    return options;
}

struct Towns {
    struct Town {
        Town(Loop& loop, Random& random, const Limits& limits)
            : broker(loop, random, limits, open_to_all, &uplink) {}
        std::size_t count(std::string_view topic, std::string_view payload = {}) const {
            return static_cast<std::size_t>(
                std::count_if(uplink.got.begin(), uplink.got.end(), [&](const auto& got) {
                    return got.topic == topic && (payload.empty() || got.payload == payload);
                }));
        }
        std::string name;
        FakeUplink uplink;
        Broker broker;
    };

    explicit Towns(std::uint64_t seed = 1)
        : random(seed), loop(Loop::open(virtual_time(clock)).value()) {}
    ~Towns() {
        for (auto& [name, town] : towns) EXPECT_TRUE(sync_wait(*loop, town->broker.stop()).ok());
    }

    Town& town(const std::string& name, const Limits& limits = {}) {
        auto& place = towns[name];
        if (!place) place = std::make_unique<Town>(*loop, random, limits);
        place->name = name;
        return *place;
    }
    // A bridge of the first to the second, which may be cut and closed.
    void connect(Town& from, Town& to, std::vector<BridgeTopic> topics, BridgeOptions more = {}) {
        BridgeOptions options = std::move(more);
        options.name = from.name + "-" + to.name;
        options.topics = std::move(topics);
        options.broker_id = from.name;
        options.dial = [this, &to, name = options.name]() -> Task<std::unique_ptr<net::Stream>> {
            ++dialled;
            if (closed) co_return Error{Errc::io_failed, "no road"};
            auto pair = net::make_stream_pair(*loop, road);
            to.broker.serve(std::move(pair.second), {Identity::Kind::service, name});
            last = pair.first.get();
            co_return std::move(pair.first);
        };
        ASSERT_TRUE(from.broker.bridge(std::move(options)).ok());
    }
    // At any QoS, without looking at the answers.
    void publish(Town& at, std::string_view topic, std::string_view payload, QoS qos,
                 bool retain = false) {
        auto& stream = writers[at.name];
        Bytes bytes;
        if (!stream) {
            auto pair = net::make_stream_pair(*loop);
            at.broker.serve(std::move(pair.second), {Identity::Kind::service, "writer"});
            stream = std::move(pair.first);
            Connect connect;
            connect.client_id = "w";
            encode(bytes, connect);
        }
        Publish packet;
        packet.topic = topic;
        packet.payload = bytes_of(payload);
        packet.qos = qos;
        packet.retain = retain;
        packet.id = qos == QoS::at_most_once ? PacketId{0} : ++last_id;
        encode(bytes, Version::v5, packet);
        Ack release;
        release.id = packet.id;
        if (qos == QoS::exactly_once) encode(bytes, Version::v5, PacketType::pubrel, release);
        ASSERT_TRUE(stream->write(bytes).ok());
    }
    bool until(const std::function<bool()>& condition, int turns = 400'000) {
        for (; turns > 0 && !condition(); --turns) loop->turn(true);
        return condition();
    }
    bool until_connected(Town& town) {
        return until([&] { return town.broker.bridges().at(0).connected; });
    }
    void pass(nanoseconds time) {
        const SteadyTime end = clock.steady() + time;
        EXPECT_TRUE(until([&] { return clock.steady() >= end; }));
    }

    log::Capture quiet;
    SimulatedClock clock;
    SeededRandom random;
    std::unique_ptr<Loop> loop;
    std::map<std::string, std::unique_ptr<Town>> towns;
    std::map<std::string, std::unique_ptr<net::Stream>> writers;
    net::FakeStreamOptions road;
    net::Stream* last = nullptr;  // the bridge's end of the last road
    bool closed = false;
    int dialled = 0;
    PacketId last_id = 0;
};

BridgeTopic lane(std::string filter, BridgeDirection direction, std::string local = "",
                 std::string remote = "") {
    return {std::move(filter), direction, QoS::exactly_once, std::move(local), std::move(remote)};
}
constexpr QoS every_qos[] = {QoS::at_most_once, QoS::at_least_once, QoS::exactly_once};

TEST(MqttBridge, carries_every_qos_out_in_and_both_ways_once) {
    for (const Version version : {Version::v5, Version::v3_1_1}) {
        Towns towns;
        auto &here = towns.town("here"), &there = towns.town("there");
        BridgeOptions options;
        options.version = version;
        towns.connect(here, there,
                      {lane("out/#", BridgeDirection::out, "", "plant/"),
                       lane("in/#", BridgeDirection::in), lane("b/#", BridgeDirection::both)},
                      options);
        ASSERT_TRUE(towns.until_connected(here));
        towns.pass(seconds{1});
        for (const QoS qos : every_qos) {
            for (const char* topic : {"out/x", "in/x", "b/here", "other"})
                towns.publish(here, topic, "m", qos);
            for (const char* topic : {"in/y", "plant/out/y", "b/there", "other"})
                towns.publish(there, topic, "m", qos);
        }
        towns.pass(seconds{10});
        EXPECT_EQ(there.count("plant/out/x"), 3u);
        EXPECT_EQ(here.count("in/y"), 3u);
        EXPECT_EQ(there.count("b/here"), 3u);
        EXPECT_EQ(here.count("b/there"), 3u);
        EXPECT_EQ(there.count("in/x") + here.count("out/y") + here.count("plant/out/y"), 0u);
        EXPECT_EQ(here.uplink.got.size(), 12u + 6u);
        EXPECT_EQ(there.uplink.got.size(), 12u + 6u);
        EXPECT_EQ(here.broker.metrics().protocol_errors, 0u);
        const BridgeView view = here.broker.bridges().at(0);
        EXPECT_EQ(view.counters.sent, 6u);
        EXPECT_EQ(view.counters.received, 6u);
        EXPECT_EQ(view.connects, 1u);
        EXPECT_EQ(view.waiting, 0u);
    }
}

TEST(MqttBridge, is_shown_as_a_client_with_its_own_identity) {
    Towns towns;
    auto &here = towns.town("here"), &there = towns.town("there");
    towns.connect(here, there, {lane("a/#", BridgeDirection::both)});
    ASSERT_TRUE(towns.until_connected(here));
    towns.pass(seconds{1});
    const auto sessions = here.broker.sessions();
    ASSERT_EQ(sessions.size(), 1u);
    EXPECT_EQ(sessions[0].identity.name, "bridge:here-there");
    EXPECT_EQ(sessions[0].client_id, "millwright-here-there");
    EXPECT_TRUE(sessions[0].connected);
    EXPECT_EQ(sessions[0].subscriptions, 1u);
    KickOrder order;
    order.identity = "bridge:here-there";
    const auto kicked = sync_wait(*towns.loop, here.broker.kick(order));
    EXPECT_EQ(kicked.value().connections, 1u);
    EXPECT_TRUE(towns.until([&] { return towns.dialled == 2; }));
    EXPECT_TRUE(towns.until_connected(here));
}

TEST(MqttBridge, queues_what_is_sent_before_the_other_side_was_ever_reached) {
    Towns towns;
    Limits limits;
    limits.session_expiry = seconds{2 * 3'600};
    auto &here = towns.town("here", limits), &there = towns.town("there");
    towns.closed = true;
    towns.connect(here, there, {lane("a/#", BridgeDirection::both)});
    towns.pass(seconds{5});
    for (int n = 0; n < 500; ++n)
        towns.publish(here, "a/x", std::to_string(n), every_qos[1 + n % 2]);
    towns.pass(seconds{3 * 3'600});  // longer than a session lasts by itself
    EXPECT_LT(towns.dialled, 3 * 3'600 / 25);
    EXPECT_FALSE(here.broker.bridges().at(0).connected);
    EXPECT_NE(here.broker.bridges().at(0).last_error.find("no road"), std::string::npos);
    towns.closed = false;
    EXPECT_TRUE(towns.until([&] { return there.count("a/x") == 500; }));
    for (int n = 0; n < 500; ++n) EXPECT_EQ(there.count("a/x", std::to_string(n)), 1u) << n;
}

// Cut at any moment, in both directions: QoS 1 arrives, QoS 2 arrives once.
TEST(MqttBridge, loses_nothing_and_doubles_no_qos_2_over_a_road_that_breaks) {
    for (const Version version : {Version::v5, Version::v3_1_1}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            SCOPED_TRACE("seed " + std::to_string(seed));
            Towns towns(seed);
            auto &here = towns.town("here"), &there = towns.town("there");
            towns.road.chunk = 61;
            BridgeOptions options;
            options.version = version;
            towns.connect(here, there, {lane("b/#", BridgeDirection::both)}, options);
            ASSERT_TRUE(towns.until_connected(here));
            towns.pass(seconds{1});
            for (int n = 0; n < 200; ++n) {
                const QoS qos = every_qos[1 + n % 2];
                towns.publish(here, "b/out", std::to_string(n), qos);
                towns.publish(there, "b/in", std::to_string(n), qos);
                for (auto turns = towns.random.below(4); turns > 0; --turns) towns.loop->turn(true);
                if (towns.random.below(20) == 0 && here.broker.bridges().at(0).connected)
                    net::cut(*towns.last);
            }
            ASSERT_TRUE(towns.until_connected(here));
            towns.pass(seconds{120});
            EXPECT_GT(towns.dialled, 2);
            for (int n = 0; n < 200; ++n) {
                const std::string payload = std::to_string(n);
                const auto out = there.count("b/out", payload), in = here.count("b/in", payload);
                EXPECT_GE(out, 1u) << n;
                EXPECT_GE(in, 1u) << n;
                if (n % 2 == 1) {
                    EXPECT_EQ(std::max(out, in), 1u) << n;
                }
            }
            EXPECT_EQ(here.broker.metrics().queue_overflows, 0u);
        }
    }
}

TEST(MqttBridge, waits_for_a_side_that_has_no_room) {
    Towns towns;
    auto &here = towns.town("here"), &there = towns.town("there");
    towns.road.capacity = 4'096;
    towns.connect(here, there, {lane("b/#", BridgeDirection::both)});
    ASSERT_TRUE(towns.until_connected(here));
    towns.pass(seconds{1});
    here.uplink.mode = FakeUplink::Mode::overloaded;
    for (int n = 0; n < 2'000; ++n)
        towns.publish(there, "b/in", std::string(200, 'x'), QoS::at_least_once);
    towns.pass(seconds{5});
    EXPECT_EQ(here.count("b/in"), 0u);
    here.uplink.mode = FakeUplink::Mode::accept;
    EXPECT_TRUE(towns.until([&] { return here.count("b/in") == 2'000; }));
    there.uplink.mode = FakeUplink::Mode::overloaded;
    for (int n = 0; n < 2'000; ++n)
        towns.publish(here, "b/out", std::string(200, 'x'), QoS::at_least_once);
    towns.pass(seconds{5});
    EXPECT_GT(here.broker.bridges().at(0).waiting, 1'000u);
    there.uplink.mode = FakeUplink::Mode::accept;
    EXPECT_TRUE(towns.until([&] { return there.count("b/out") == 2'000; }));
    EXPECT_EQ(towns.dialled, 1);
}

TEST(MqttBridge, a_message_that_ours_refuses_ends_nothing) {
    Towns towns;
    auto &here = towns.town("here"), &there = towns.town("there");
    towns.connect(here, there, {lane("b/#", BridgeDirection::in)});
    ASSERT_TRUE(towns.until_connected(here));
    towns.pass(seconds{1});
    here.uplink.mode = FakeUplink::Mode::deny;
    for (const QoS qos : every_qos) towns.publish(there, "b/x", "1", qos);
    towns.pass(seconds{5});
    here.uplink.mode = FakeUplink::Mode::accept;
    towns.publish(there, "b/x", "2", QoS::exactly_once);
    towns.pass(seconds{5});
    EXPECT_EQ(here.count("b/x"), 1u);
    EXPECT_EQ(towns.dialled, 1);
    EXPECT_EQ(here.broker.bridges().at(0).counters.refused_in, 2u);
}

TEST(MqttBridge, a_ring_of_bridges_carries_a_message_round_once) {
    Towns towns;
    auto &a = towns.town("a"), &b = towns.town("b"), &c = towns.town("c");
    towns.connect(a, b, {lane("t/#", BridgeDirection::out)});
    towns.connect(b, c, {lane("t/#", BridgeDirection::out)});
    towns.connect(c, a, {lane("t/#", BridgeDirection::out)});
    for (Towns::Town* town : {&a, &b, &c}) ASSERT_TRUE(towns.until_connected(*town));
    towns.pass(seconds{1});
    for (const QoS qos : every_qos) towns.publish(a, "t/x", "1", qos);
    towns.pass(seconds{60});
    EXPECT_EQ(b.count("t/x"), 3u);
    EXPECT_EQ(c.count("t/x"), 3u);
    EXPECT_EQ(a.count("t/x"), 6u);  // and there it ends
    EXPECT_EQ(a.broker.bridges().at(0).counters.looped, 3u);
    EXPECT_EQ(a.broker.bridges().at(0).waiting, 0u);
}

TEST(MqttBridge, carries_what_is_retained_and_the_flag) {
    Towns towns;
    auto &here = towns.town("here"), &there = towns.town("there");
    towns.publish(here, "b/old", "1", QoS::at_least_once, true);
    towns.publish(there, "b/older", "1", QoS::at_least_once, true);
    towns.pass(seconds{1});
    towns.connect(here, there, {lane("b/#", BridgeDirection::both)});
    ASSERT_TRUE(towns.until_connected(here));
    towns.pass(seconds{1});
    towns.publish(here, "b/new", "1", QoS::at_least_once, true);
    towns.pass(seconds{5});
    for (Towns::Town* town : {&here, &there})
        EXPECT_EQ(town->broker.metrics().retained_messages, 3u) << town->name;
    // Once: neither side has forgotten anything.
    net::cut(*towns.last);
    ASSERT_TRUE(towns.until([&] { return towns.dialled == 2; }));
    ASSERT_TRUE(towns.until_connected(here));
    towns.pass(seconds{5});
    EXPECT_EQ(there.count("b/old"), 1u);
    EXPECT_EQ(here.count("b/older"), 1u);
}

TEST(MqttBridge, a_remote_broker_that_forgot_the_session_swallows_nothing) {
    Towns towns;
    auto &here = towns.town("here"), &there = towns.town("there");
    towns.connect(here, there, {lane("b/#", BridgeDirection::both)});
    ASSERT_TRUE(towns.until_connected(here));
    towns.pass(seconds{1});
    for (int round = 0; round < 5; ++round) {
        for (int n = 0; n < 20; ++n) {
            towns.publish(here, "b/out", std::to_string(round * 20 + n), QoS::exactly_once);
            towns.publish(there, "b/in", std::to_string(round * 20 + n), QoS::exactly_once);
        }
        towns.loop->turn(true);
        towns.loop->turn(true);
        towns.loop->turn(true);
        // What it owed us is gone; what comes next must not be taken for it.
        there.broker.forget("here-there");
        const int dialled = towns.dialled;
        ASSERT_TRUE(towns.until([&] { return towns.dialled > dialled; }));
        ASSERT_TRUE(towns.until_connected(here));
        towns.pass(seconds{5});
        towns.publish(there, "b/in", "after " + std::to_string(round), QoS::exactly_once);
        towns.pass(seconds{5});
        EXPECT_EQ(here.count("b/in", "after " + std::to_string(round)), 1u);
    }
    for (int n = 0; n < 100; ++n) EXPECT_GE(there.count("b/out", std::to_string(n)), 1u) << n;
}

TEST(MqttBridge, tries_a_broker_that_refuses_it_again_and_again_and_ever_more_rarely) {
    Towns towns;
    Limits full;
    full.sessions = 0;
    auto &here = towns.town("here"), &there = towns.town("there", full);
    towns.connect(here, there, {lane("b/#", BridgeDirection::both)});
    towns.pass(seconds{600});
    EXPECT_GT(towns.dialled, 8);
    EXPECT_LT(towns.dialled, 30);
    const BridgeView view = here.broker.bridges().at(0);
    EXPECT_FALSE(view.connected);
    EXPECT_EQ(view.connects, 0u);
    EXPECT_NE(view.last_error.find("quota exceeded"), std::string::npos) << view.last_error;
    metrics::Registry registry;
    record(here.broker.bridges(), registry);
    EXPECT_NE(registry.expose().find("millwright_mqtt_bridge_connected{bridge=\"here-there\"} 0"),
              std::string::npos);
}

TEST(MqttBridge, a_remote_broker_that_says_nothing_is_left) {
    Towns towns;
    auto& here = towns.town("here");
    std::vector<std::unique_ptr<net::Stream>> silent;
    BridgeOptions options;
    options.name = "silent";
    options.topics = {lane("b/#", BridgeDirection::both)};
    options.dial = [&]() -> Task<std::unique_ptr<net::Stream>> {
        auto pair = net::make_stream_pair(*towns.loop);
        silent.push_back(std::move(pair.second));
        co_return std::move(pair.first);
    };
    ASSERT_TRUE(here.broker.bridge(std::move(options)).ok());
    towns.pass(seconds{60});
    EXPECT_GE(silent.size(), 2u);
    EXPECT_NE(here.broker.bridges().at(0).last_error.find("in time"), std::string::npos);
}

TEST(MqttBridge, two_of_one_name_or_one_without_topics_are_refused) {
    Towns towns;
    auto &here = towns.town("here"), &there = towns.town("there");
    towns.connect(here, there, {lane("b/#", BridgeDirection::both)});
    BridgeOptions same;
    same.name = "here-there";
    EXPECT_EQ(here.broker.bridge(same).error().code, Errc::conflict);
    same.name = "other";
    same.host = "localhost";
    same.port = 1;
    EXPECT_EQ(here.broker.bridge(same).error().code, Errc::invalid_input);
}

}  // namespace
}  // namespace mw::mqtt
