#include <gtest/gtest.h>

#include <set>

#include "base/log.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer all_may;

// Limits and counts that a conversation cannot show.
class MqttSessions : public testing::Test {
 protected:
    FakeClient& connect(FakeWorld& world, const std::string& name, std::uint32_t expiry_s = 0,
                        std::uint16_t receive_maximum = 65'535) {
        FakeClient& client = world.open(name);
        Connect packet;
        packet.client_id = name;
        packet.clean_start = false;
        packet.properties.set(Property::session_expiry, expiry_s);
        packet.properties.set(Property::receive_maximum, receive_maximum);
        Bytes bytes;
        encode(bytes, packet);
        client.connection->receive(bytes);
        return client;
    }
    void acknowledge(FakeClient& client, PacketId id) {
        Bytes bytes;
        encode_puback(bytes, id);
        client.connection->receive(bytes);
    }
    log::Capture quiet_;
};

TEST_F(MqttSessions, packet_identifiers_go_round_without_zero) {
    FakeWorld world(all_may);
    FakeClient& client = connect(world, "a");
    subscribe(client, "t");
    for (std::uint32_t n = 0; n < 66'000; ++n) {
        client.wire.written.clear();
        ASSERT_TRUE(world.core.publish_local("t", {}, false, QoS::at_least_once).ok());
        const ByteView packet = client.wire.written;
        const std::size_t at = packet_id_offset(packet);
        const auto id = static_cast<PacketId>(packet[at] << 8 | packet[at + 1]);
        ASSERT_EQ(id, n % 65'535 + 1);
        acknowledge(client, id);
    }
}

// MQTT-1.5.4-3 and MQTT-4.7.3-4: U+FEFF is a character as any other, and nothing is normalised.
TEST_F(MqttSessions, a_topic_is_matched_and_passed_on_byte_by_byte) {
    FakeWorld world(all_may);
    FakeClient& client = connect(world, "a");
    const std::string_view topic = "\xEF\xBB\xBFT/e\xCC\x81/\xC3\xA9";  // e with accent, two ways
    subscribe(client, topic);
    client.wire.written.clear();
    for (std::string_view other : {"T/e\xCC\x81/\xC3\xA9", "\xEF\xBB\xBFt/e\xCC\x81/\xC3\xA9",
                                   "\xEF\xBB\xBFT/\xC3\xA9/\xC3\xA9"})
        ASSERT_TRUE(world.core.publish_local(other, {}, false, QoS::at_most_once).ok());
    EXPECT_TRUE(client.wire.written.empty());
    ASSERT_TRUE(world.core.publish_local(topic, {}, false, QoS::at_most_once).ok());
    Frame frame;
    Publish packet;
    ASSERT_TRUE(next_frame(client.wire.written, 1'000, frame).ok());
    ASSERT_TRUE(decode(frame, Version::v5, packet).ok());
    EXPECT_EQ(packet.topic, topic);
}

// MQTT-3.1.3-6, MQTT-3.2.2-16.
TEST_F(MqttSessions, every_nameless_client_gets_a_name_of_its_own) {
    FakeWorld world(all_may);
    std::set<std::string> names;
    for (int n = 0; n < 50; ++n) {
        FakeClient& client = connect(world, "", 100);
        Frame frame;
        Connack packet;
        ASSERT_TRUE(next_frame(client.wire.written, 1'000, frame).ok());
        ASSERT_TRUE(decode(frame, Version::v5, packet).ok());
        names.emplace(packet.properties.text(Property::assigned_client_id));
    }
    EXPECT_EQ(names.size(), 50u);
    EXPECT_FALSE(names.contains(""));
}

TEST_F(MqttSessions, queued_bytes_are_counted_and_given_back) {
    FakeWorld world(all_may);
    FakeClient& client = connect(world, "a", 100);
    subscribe(client, "t");
    client.connection->lost("cut");
    const Bytes payload(1'000);
    for (int n = 0; n < 10; ++n)
        ASSERT_TRUE(world.core.publish_local("t", payload, false, QoS::at_least_once).ok());
    EXPECT_GE(world.core.metrics().queued_bytes, 10'000u);
    EXPECT_EQ(world.core.sessions().at(0).queued_messages, 10u);
    world.advance(seconds{101});
    EXPECT_EQ(world.core.metrics().queued_bytes, 0u);
    EXPECT_EQ(world.core.metrics().sessions, 0u);
    EXPECT_EQ(world.core.metrics().sessions_expired, 1u);
    EXPECT_EQ(world.core.metrics().subscriptions, 0u);
}

TEST_F(MqttSessions, all_queues_together_have_a_limit) {
    Limits limits;
    limits.queued_bytes_in_all = 20'000;
    FakeWorld world(all_may, limits);
    const Bytes payload(1'000);
    for (const char* name : {"a", "b", "c"}) {
        FakeClient& client = connect(world, name, 100);
        subscribe(client, "t");
        client.connection->lost("cut");
    }
    for (int n = 0; n < 50; ++n)
        ASSERT_TRUE(world.core.publish_local("t", payload, false, QoS::at_least_once).ok());
    EXPECT_LE(world.core.metrics().queued_bytes, 20'000u);
    EXPECT_GT(world.core.metrics().queue_overflows, 0u);
}

TEST_F(MqttSessions, a_full_store_of_retained_messages_refuses) {
    Limits limits;
    limits.retained_messages = 2;
    limits.retained_bytes = 5'000;
    FakeWorld world(all_may, limits);
    auto retain = [&](std::string_view topic, std::size_t size) {
        return world.core.publish_local(topic, Bytes(size), true, QoS::at_most_once);
    };
    EXPECT_TRUE(retain("a", 1'000).ok());
    EXPECT_TRUE(retain("b", 1'000).ok());
    EXPECT_EQ(retain("c", 1).error().code, Errc::overloaded);
    EXPECT_TRUE(retain("a", 2'000).ok());
    EXPECT_EQ(retain("a", 9'000).error().code, Errc::overloaded);
    EXPECT_TRUE(retain("b", 0).ok());
    EXPECT_TRUE(retain("c", 1).ok());
    EXPECT_EQ(world.core.metrics().retained_messages, 2u);
}

TEST_F(MqttSessions, sessions_have_a_limit) {
    Limits limits;
    limits.sessions = 1;
    FakeWorld world(all_may, limits);
    EXPECT_FALSE(connect(world, "a").wire.closed);
    EXPECT_TRUE(connect(world, "b").wire.closed);
    EXPECT_EQ(world.core.metrics().connects_refused, 1u);
}

TEST_F(MqttSessions, clients_leave_room_for_what_the_hub_retains) {
    Limits limits;
    limits.retained_messages = 4;
    FakeWorld world(all_may, limits);
    FakeClient& client = connect(world, "a");
    for (const char* topic : {"a", "b", "c", "d", "e"}) {
        Publish packet;
        packet.topic = topic;
        packet.retain = true;
        packet.payload = bytes_of("x");
        Bytes bytes;
        encode(bytes, Version::v5, packet);
        client.connection->receive(bytes);
    }
    EXPECT_EQ(world.core.metrics().retained_messages, 3u);
    EXPECT_TRUE(world.core.publish_local("hub", bytes_of("x"), true, QoS::at_most_once).ok());
}

TEST_F(MqttSessions, one_identity_cannot_take_all_sessions) {
    Limits limits;
    limits.sessions_per_identity = 2;
    FakeWorld world(all_may, limits);
    const Identity greedy{Identity::Kind::device, "greedy"};
    auto open = [&](const std::string& name, const Identity& identity) -> FakeClient& {
        FakeClient& client = world.open(name, identity);
        Connect packet;
        packet.client_id = name;
        Bytes bytes;
        encode(bytes, packet);
        client.connection->receive(bytes);
        return client;
    };
    EXPECT_FALSE(open("1", greedy).wire.closed);
    EXPECT_FALSE(open("2", greedy).wire.closed);
    EXPECT_TRUE(open("3", greedy).wire.closed);
    EXPECT_FALSE(open("4", {Identity::Kind::device, "modest"}).wire.closed);
    world.clients.at("1")->connection->lost("cut");
    EXPECT_FALSE(open("5", greedy).wire.closed);
}

TEST_F(MqttSessions, a_window_with_a_gap_never_passes_the_receive_maximum) {
    FakeWorld world(all_may);
    FakeClient& client = connect(world, "a", 0, 4);
    subscribe(client, "t");
    for (int n = 0; n < 20; ++n)
        ASSERT_TRUE(world.core.publish_local("t", {}, false, QoS::at_least_once).ok());
    for (PacketId id = 2; id <= 15; ++id) acknowledge(client, id);  // never the first
    EXPECT_EQ(world.core.sessions().at(0).queued_messages, 20u - 18u);
    acknowledge(client, 1);
    acknowledge(client, 1);    // twice is ignored
    acknowledge(client, 999);  // so is one that is not in flight
    EXPECT_EQ(world.core.sessions().at(0).queued_messages, 1u);
    EXPECT_FALSE(client.wire.closed);
}

TEST_F(MqttSessions, a_connection_that_goes_away_leaves_nothing_behind) {
    FakeWorld world(all_may);
    world.uplink.mode = FakeUplink::Mode::delay;
    FakeClient& client = connect(world, "a");
    subscribe(client, "t");
    Publish packet;
    packet.topic = "t";
    packet.qos = QoS::at_least_once;
    packet.id = 1;
    Bytes bytes;
    encode(bytes, Version::v5, packet);
    client.connection->receive(bytes);
    EXPECT_EQ(world.core.metrics().acknowledgements_waiting, 1u);
    world.clients.erase("a");
    world.uplink.reached = {1};
    world.core.on_durable({1});
    world.advance(seconds{1});
    const Metrics& metrics = world.core.metrics();
    EXPECT_EQ(metrics.acknowledgements_waiting, 0u);
    EXPECT_EQ(metrics.connected, 0u);
    EXPECT_EQ(metrics.sessions, 0u);
    EXPECT_EQ(metrics.subscriptions, 0u);
}

}  // namespace
}  // namespace mw::mqtt
