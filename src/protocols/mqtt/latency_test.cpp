#include "protocols/mqtt/latency.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "protocols/mqtt/broker.h"
#include "protocols/mqtt/client.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer anyone;

class MqttLatency : public testing::Test {
 protected:
    FakeClient& connect(const std::string& name, std::uint32_t expiry_s = 0) {
        FakeClient& client = world.open(name);
        Connect packet;
        packet.client_id = name;
        packet.clean_start = false;
        packet.properties.set(Property::session_expiry, expiry_s);
        Bytes bytes;
        encode(bytes, packet);
        client.connection->receive(bytes);
        return client;
    }
    void subscribe(FakeClient& client, QoS qos) {
        Subscribe packet;
        packet.id = 1;
        packet.filters.push_back({"t", {.qos = qos}});
        Bytes bytes;
        encode(bytes, Version::v5, packet);
        client.connection->receive(bytes);
    }
    void publish(FakeClient& client, QoS qos, PacketId id) {
        Publish packet;
        packet.topic = "t";
        packet.qos = qos;
        packet.id = id;
        Bytes bytes;
        encode(bytes, Version::v5, packet);
        client.connection->receive(bytes);
    }
    void answer(FakeClient& client, PacketType type, PacketId id) {
        Ack packet;
        packet.id = id;
        Bytes bytes;
        encode(bytes, Version::v5, type, packet);
        client.connection->receive(bytes);
    }
    metrics::Histogram& histogram(const std::string& what) {
        return registry.histogram("millwright_mqtt_" + what + "_duration_seconds", "");
    }
    log::Capture quiet_;
    metrics::Registry registry;
    FakeWorld world{anyone};
};

TEST_F(MqttLatency, a_connect_is_timed_from_its_connection_to_its_answer) {
    connect("before");  // nothing is measured yet
    world.core.latencies().measure_into(registry);
    FakeClient& slow = world.open("slow");
    world.advance(seconds{2});
    Connect packet;
    packet.client_id = "slow";
    Bytes bytes;
    encode(bytes, packet);
    slow.connection->receive(bytes);
    EXPECT_EQ(histogram("connect").count(), 1u);
    EXPECT_DOUBLE_EQ(histogram("connect").sum(), 2);
}

TEST_F(MqttLatency, one_publish_in_so_many_is_timed_until_the_log_has_it) {
    world.core.latencies().measure_into(registry);
    world.uplink.mode = FakeUplink::Mode::delay;
    FakeClient& client = connect("a");
    for (PacketId id = 1; id <= Latencies::sample_every; ++id)
        publish(client, QoS::at_least_once, id);
    world.advance(milliseconds{250});
    for (PacketId id = 101; id < 100 + Latencies::sample_every; ++id)
        publish(client, QoS::at_least_once, id);
    EXPECT_EQ(histogram("publish_acknowledge").count(), 0u);
    world.uplink.reached = {world.uplink.last};
    world.core.on_durable(world.uplink.reached);
    EXPECT_EQ(histogram("publish_acknowledge").count(), 1u);
    EXPECT_DOUBLE_EQ(histogram("publish_acknowledge").sum(), 0.25);
    // QoS 2: to its PUBREC. A connection that goes takes its sample with it.
    publish(client, QoS::exactly_once, 9);
    client.connection->lost("cut");
    world.clients.erase("a");
    FakeClient& next = connect("b");
    world.uplink.mode = FakeUplink::Mode::accept;
    for (PacketId id = 1; id <= Latencies::sample_every; ++id) publish(next, QoS::exactly_once, id);
    EXPECT_EQ(histogram("publish_acknowledge").count(), 2u);
}

TEST_F(MqttLatency, its_last_subscriber_is_asked_when_it_has_all) {
    world.core.latencies().measure_into(registry);
    FakeClient& from = connect("from");
    FakeClient& to = connect("to");
    subscribe(to, QoS::at_most_once);
    for (std::uint32_t n = 0; n < 3 * Latencies::sample_every; ++n)
        publish(from, QoS::at_most_once, 0);
    ASSERT_EQ(to.wire.timed.size(), 1u);  // the first is under way
    EXPECT_EQ(to.wire.timed[0], world.clock.steady());
    EXPECT_TRUE(from.wire.timed.empty());
    world.core.latencies().end_delivery();
    for (std::uint32_t n = 0; n < Latencies::sample_every; ++n) publish(from, QoS::at_most_once, 0);
    EXPECT_EQ(to.wire.timed.size(), 2u);
}

TEST_F(MqttLatency, a_broker_measures_deliveries_over_its_streams) {
    auto loop = Loop::open().value();
    SystemRandom random;
    Broker broker(*loop, random, {}, anyone, nullptr);
    broker.measure_into(registry);
    auto client = [&](const char* id) {
        auto pair = net::make_stream_pair(*loop);
        broker.serve(std::move(pair.second), {});
        return sync_wait(*loop, Client::connect(std::move(pair.first), {.client_id = id})).value();
    };
    auto from = client("from"), to = client("to");
    ASSERT_TRUE(sync_wait(*loop, to->subscribe("t", QoS::at_least_once)).ok());
    for (std::uint32_t n = 0; n < Latencies::sample_every; ++n)
        ASSERT_TRUE(from->publish("t", {}, QoS::at_least_once).ok());
    for (std::uint32_t n = 0; n < Latencies::sample_every; ++n)
        ASSERT_TRUE(sync_wait(*loop, to->receive()).ok());
    while (histogram("publish_deliver").count() == 0) loop->turn(true);
    EXPECT_EQ(histogram("publish_deliver").count(), 1u);
    EXPECT_GT(histogram("publish_deliver").sum(), 0);
    ASSERT_TRUE(sync_wait(*loop, from->acknowledged(Latencies::sample_every)).ok());
    EXPECT_EQ(histogram("publish_acknowledge").count(), 1u);
    EXPECT_EQ(histogram("connect").count(), 2u);
    ASSERT_TRUE(sync_wait(*loop, broker.stop()).ok());
}

TEST_F(MqttLatency, levels_of_what_is_in_flight_and_unreleased_rise_and_fall) {
    FakeClient& from = connect("from");
    FakeClient& to = connect("to", 100);
    subscribe(to, QoS::exactly_once);
    for (PacketId id = 1; id <= 3; ++id) publish(from, QoS::exactly_once, id);
    publish(from, QoS::exactly_once, 3);  // again: it is one id
    EXPECT_EQ(world.core.metrics().unreleased, 3u);
    EXPECT_EQ(world.core.metrics().inflight, 3u);
    record(world.core.metrics(), registry);
    for (const char* line : {"millwright_mqtt_unreleased 3", "millwright_mqtt_inflight 3",
                             "millwright_mqtt_connections_rate_limited_total 0"})
        EXPECT_NE(registry.expose().find(line), std::string::npos) << line;
    answer(from, PacketType::pubrel, 1);
    answer(from, PacketType::pubrel, 1);
    EXPECT_EQ(world.core.metrics().unreleased, 2u);
    answer(to, PacketType::pubrec, 1);
    EXPECT_EQ(world.core.metrics().inflight, 3u);
    answer(to, PacketType::pubcomp, 1);
    EXPECT_EQ(world.core.metrics().inflight, 2u);
    from.connection->lost("cut");  // its session ends with it
    EXPECT_EQ(world.core.metrics().unreleased, 0u);
    to.connection->lost("cut");
    EXPECT_EQ(world.core.metrics().inflight, 2u);
    world.advance(seconds{101});
    EXPECT_EQ(world.core.metrics().inflight, 0u);
}

}  // namespace
}  // namespace mw::mqtt
