#include "protocols/mqtt/authorizer.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "protocols/mqtt/fake_world.h"

namespace mw::mqtt {
namespace {

const Identity gateway{Identity::Kind::device, "gw-1"};

DeviceTopics rules() {
    return DeviceTopics([] {
        return std::make_shared<const ParentOf>(ParentOf{{"pump-1", "gw-1"}, {"pump-2", "gw-2"}});
    });
}

struct Permission {
    const char* topic;
    bool publish;
    bool subscribe;
};

constexpr Permission permissions[]{
    {"mw/v1/gw-1/data/main", true, false},
    {"mw/v1/gw-1/decision/m", true, false},
    {"mw/v1/gw-1/sketch/m", true, false},
    {"mw/v1/gw-1/label/m", true, false},
    {"mw/v1/gw-1/reply/7", true, false},
    {"mw/v1/gw-1/event", true, false},
    {"mw/v1/gw-1/health", true, false},
    {"mw/v1/gw-1/reported", true, false},
    {"mw/v1/gw-1/desired", false, true},
    {"mw/v1/gw-1/command/7", false, true},
    {"mw/v1/gw-1/command/+", false, true},
    {"mw/v1/gw-1/command/#", false, false},
    {"mw/v1/gw-1/command", false, false},
    {"mw/v1/gw-1/data", false, false},
    {"mw/v1/gw-1/data/", false, false},
    {"mw/v1/gw-1/data/a/b", false, false},
    {"mw/v1/gw-1/event/x", false, false},
    {"mw/v1/gw-1/other", false, false},
    {"mw/v1/gw-1", false, false},
    {"mw/v1/gw-1/", false, false},
    {"mw/v1/gw-10/data/main", false, false},
    {"mw/v1/gw-2/data/main", false, false},
    {"mw/v1/pump-1/data/main", true, false},
    {"mw/v1/pump-1/desired", false, false},
    {"mw/v1/pump-2/data/main", false, false},
    {"mw/v2/gw-1/data/main", false, false},
    {"mw/v1/+/desired", false, false},
    {"mw/v1/#", false, false},
    {"#", false, false},
    {"x/mw/v1/gw-1/event", false, false},
    {"$SYS/#", false, false},
    {"$SYS/broker/uptime", false, false},
};

TEST(DeviceTopics, a_device_has_its_own_topics_and_its_childrens) {
    const DeviceTopics topics = rules();
    for (const Permission& row : permissions) {
        EXPECT_EQ(topics.may_publish(gateway, row.topic), row.publish) << row.topic;
        EXPECT_EQ(topics.may_subscribe(gateway, row.topic), row.subscribe) << row.topic;
    }
}

TEST(DeviceTopics, only_devices_and_services_may_anything) {
    const DeviceTopics topics = rules();
    for (auto kind : {Identity::Kind::anonymous, Identity::Kind::user}) {
        EXPECT_FALSE(topics.may_publish({kind, "gw-1"}, "mw/v1/gw-1/event"));
        EXPECT_FALSE(topics.may_subscribe({kind, "gw-1"}, "mw/v1/gw-1/desired"));
    }
    const Identity ada{Identity::Kind::user, "ada"};
    EXPECT_TRUE(topics.may_subscribe(ada, "$SYS/#"));
    EXPECT_FALSE(topics.may_subscribe(ada, "#"));
    EXPECT_FALSE(topics.may_publish(ada, "$SYS/broker/uptime"));
    EXPECT_FALSE(topics.may_subscribe({}, "$SYS/#"));
    EXPECT_FALSE(topics.may_publish({Identity::Kind::device, ""}, "mw/v1//event"));
    EXPECT_TRUE(topics.may_publish({Identity::Kind::service, "hub"}, "any/thing"));
    EXPECT_TRUE(topics.may_subscribe({Identity::Kind::service, "hub"}, "#"));
}

TEST(DeviceTopics, without_parents_a_device_has_only_itself) {
    const DeviceTopics topics;
    EXPECT_TRUE(topics.may_publish(gateway, "mw/v1/gw-1/event"));
    EXPECT_FALSE(topics.may_publish(gateway, "mw/v1/pump-1/event"));
}

// A publish of each topic, all in one read.
Bytes publishes_to(std::initializer_list<const char*> topics) {
    Bytes bytes;
    for (const char* topic : topics) {
        Publish packet;
        packet.topic = topic;
        encode(bytes, Version::v3_1_1, packet);
    }
    return bytes;
}

FakeClient& connect_device(FakeWorld& world, const char* name) {
    FakeClient& client = world.open(name, {Identity::Kind::device, name});
    Connect hello;
    hello.version = Version::v3_1_1;
    hello.client_id = name;
    Bytes bytes;
    encode(bytes, hello);
    client.connection->receive(bytes);
    return client;
}

TEST(Authorization, looks_at_each_topic_of_a_read) {
    const DeviceTopics topics;
    FakeWorld world(topics);
    FakeClient& client = connect_device(world, "gw-1");
    const char* mine = "mw/v1/gw-1/event";
    client.connection->receive(publishes_to({mine, mine, mine}));
    EXPECT_EQ(world.uplink.got.size(), 3u);
    client.connection->receive(publishes_to({mine, "mw/v1/gw-2/event", mine}));
    EXPECT_EQ(world.uplink.got.size(), 4u);
    EXPECT_TRUE(client.wire.closed);
}

TEST(Authorization, of_one_client_is_not_anothers) {
    const DeviceTopics topics;
    FakeWorld world(topics);
    FakeClient& owner = connect_device(world, "gw-1");
    FakeClient& other = connect_device(world, "gw-2");
    owner.connection->receive(publishes_to({"mw/v1/gw-1/event"}));
    other.connection->receive(publishes_to({"mw/v1/gw-1/event"}));
    EXPECT_EQ(world.uplink.got.size(), 1u);
    EXPECT_FALSE(owner.wire.closed);
    EXPECT_TRUE(other.wire.closed);
}

}  // namespace
}  // namespace mw::mqtt
