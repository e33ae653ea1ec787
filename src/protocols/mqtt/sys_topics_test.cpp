#include "protocols/mqtt/sys_topics.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const OpenAuthorizer all_may_read;

struct Told {
    std::string text;
    bool retain = false;
    int times = 0;
};

class MqttSysTopics : public testing::Test {
 protected:
    FakeClient& connect(FakeWorld& world, const std::string& name, Identity identity = {}) {
        FakeClient& client = world.open(name, std::move(identity));
        Connect packet;
        packet.client_id = name;
        Bytes bytes;
        encode(bytes, packet);
        client.connection->receive(bytes);
        return client;
    }
    // The messages since the last look, by topic; how a SUBACK answered, under "suback".
    std::map<std::string, Told> told(FakeClient& client) {
        std::map<std::string, Told> topics;
        Bytes all = std::exchange(client.wire.written, {});
        ByteView left = all;
        Frame frame;
        while (next_frame(left, 1 << 20, frame).ok() && frame.size > 0) {
            left = left.subspan(frame.size);
            if (frame.type == PacketType::suback) {
                Suback answer;
                EXPECT_TRUE(decode(frame, Version::v5, answer).ok());
                topics["suback"].text = to_string(answer.reasons.front());
            }
            if (frame.type != PacketType::publish) continue;
            Publish packet;
            EXPECT_TRUE(decode(frame, Version::v5, packet).ok());
            Told& topic = topics[std::string(packet.topic)];
            topic = {std::string(text_of(packet.payload)), packet.retain, topic.times + 1};
            EXPECT_EQ(packet.qos, QoS::at_most_once);
        }
        return topics;
    }
    log::Capture quiet_;
};

TEST_F(MqttSysTopics, who_subscribes_gets_the_values_at_once_and_then_by_the_interval) {
    FakeWorld world(all_may_read);
    FakeClient& client = connect(world, "a");
    world.advance(seconds{7});
    subscribe(client, "$SYS/broker/#");
    auto topics = told(client);
    EXPECT_EQ(topics["$SYS/broker/version"].text.substr(0, 11), "millwright ");
    EXPECT_EQ(topics["$SYS/broker/uptime"].text, "7 seconds");
    EXPECT_EQ(topics["$SYS/broker/clients/connected"].text, "1");
    EXPECT_EQ(topics["$SYS/broker/subscriptions/count"].text, "1");
    EXPECT_EQ(topics["$SYS/broker/retained messages/count"].text, "0");
    EXPECT_EQ(topics["$SYS/broker/load/messages/received/15min"].text, "0.00");
    EXPECT_TRUE(topics["$SYS/broker/uptime"].retain);
    world.advance(seconds{2});
    EXPECT_TRUE(told(client).empty());
    world.advance(seconds{1});  // ten seconds after the start
    topics = told(client);
    EXPECT_EQ(topics["$SYS/broker/uptime"].text, "10 seconds");
    EXPECT_EQ(topics["$SYS/broker/uptime"].times, 1);
    EXPECT_FALSE(topics["$SYS/broker/uptime"].retain);
    EXPECT_EQ(topics["$SYS/broker/messages/received"].text, "2");  // CONNECT and SUBSCRIBE
    world.advance(seconds{10});
    EXPECT_EQ(told(client)["$SYS/broker/uptime"].text, "20 seconds");
}

TEST_F(MqttSysTopics, nothing_is_sent_while_nobody_listens_below_it) {
    FakeWorld world(all_may_read);
    FakeClient& client = connect(world, "a");
    subscribe(client, "#");  // does not reach $SYS
    told(client);
    world.advance(seconds{10});
    EXPECT_TRUE(told(client).empty());
    EXPECT_EQ(world.core.metrics().publishes_delivered, 0u);
    EXPECT_EQ(world.core.metrics().retained_messages, 0u);
    subscribe(client, "$SYS/broker/uptime");
    told(client);
    world.advance(seconds{10});
    EXPECT_EQ(told(client).size(), 1u);
    client.connection->lost("cut");
    EXPECT_FALSE(world.core.has_subscription_below("$SYS"));
}

TEST_F(MqttSysTopics, members_of_a_group_share_them_too) {
    FakeWorld world(all_may_read);
    FakeClient& client = connect(world, "a");
    subscribe(client, "$share/g/$SYS/broker/shared_subscriptions/count");
    EXPECT_EQ(told(client).size(), 1u);  // the SUBACK: nothing retained for a group
    world.advance(seconds{10});
    EXPECT_EQ(told(client)["$SYS/broker/shared_subscriptions/count"].text, "1");
}

TEST_F(MqttSysTopics, the_interval_can_be_set_and_set_to_never) {
    Limits limits;
    limits.sys_every = seconds{1};
    FakeWorld quick(all_may_read, limits);
    FakeClient& client = connect(quick, "a");
    subscribe(client, "$SYS/broker/uptime");
    told(client);
    quick.advance(seconds{1});
    EXPECT_EQ(told(client)["$SYS/broker/uptime"].text, "1 seconds");
    limits.sys_every = seconds{0};
    FakeWorld never(all_may_read, limits);
    FakeClient& other = connect(never, "a");
    subscribe(other, "$SYS/#");
    never.advance(hours{1});
    EXPECT_EQ(told(other).size(), 1u);  // the SUBACK
}

TEST_F(MqttSysTopics, devices_may_not_read_them_and_users_may) {
    const DeviceTopics rules;
    FakeWorld world(rules);
    FakeClient& device = connect(world, "d", {Identity::Kind::device, "gw-1"});
    subscribe(device, "$SYS/#");
    EXPECT_EQ(told(device)["suback"].text, to_string(ReasonCode::not_authorized));
    FakeClient& user = connect(world, "u", {Identity::Kind::user, "ada"});
    subscribe(user, "$SYS/#");
    EXPECT_GT(told(user).size(), 20u);
    world.advance(seconds{10});
    EXPECT_TRUE(told(device).empty());
    EXPECT_GT(told(user).size(), 20u);
}

TEST(MqttLoadAverage, comes_near_a_steady_rate_and_forgets_it_by_its_minutes) {
    LoadAverage load;
    std::uint64_t total = 0;
    for (int n = 0; n < 6 * 60; ++n) load.update(total += 100, seconds{10});  // 600 a minute
    for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(load.per_minute(i), 600, 0.01);
    EXPECT_NEAR(load.per_minute(2), 600, 12);  // after four times its 15 minutes
    for (int n = 0; n < 6; ++n) load.update(total, seconds{10});
    EXPECT_NEAR(load.per_minute(0), 600 * 0.3679, 1);
    EXPECT_NEAR(load.per_minute(1), 600 * 0.8187, 1);
    load.update(total + 100, seconds{0});  // no time has passed: nothing to say
    EXPECT_NEAR(load.per_minute(0), 600 * 0.3679, 1);
}

}  // namespace
}  // namespace mw::mqtt
